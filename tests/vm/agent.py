"""Speaks to an emulated machine without its network: agent.py SOCKET COMMAND, for a shell in it, as root."""

import base64
import json
import os
import socket
import sys
import time


class Agent:
    """qemu's guest agent, behind the socket of its serial port"""

    def __init__(self, path, limit_s):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(limit_s)
        self.sock.connect(path)
        self.lines = self.sock.makefile("rb")
        self.synchronize()

    def send(self, command, **arguments):
        self.sock.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")

    def synchronize(self):
        """what an earlier call left unread is passed over"""
        mark = int.from_bytes(os.urandom(3), "big")
        self.sock.sendall(b"\xff")
        self.send("guest-sync-delimited", id=mark)
        while True:
            line = self.read().split(b"\xff")[-1]
            try:
                if json.loads(line).get("return") == mark:
                    return
            except ValueError:
                pass

    def read(self):
        line = self.lines.readline()
        if not line:
            raise OSError("the machine is gone")
        return line

    def ask(self, command, **arguments):
        self.send(command, **arguments)
        answer = json.loads(self.read())
        if "error" in answer:
            raise OSError(f"{command}: {answer['error'].get('desc')}")
        return answer["return"]


def run(agent, command, end):
    """the command's outputs go to ours; returns its exit status"""
    pid = agent.ask("guest-exec", path="/bin/bash", arg=["-c", command], **{"capture-output": True})["pid"]
    while True:
        state = agent.ask("guest-exec-status", pid=pid)
        if state["exited"]:
            break
        if time.monotonic() > end:
            raise OSError(f"no end of: {command}")
        time.sleep(0.1)
    for key, out in ("out-data", sys.stdout), ("err-data", sys.stderr):
        out.buffer.write(base64.b64decode(state.get(key, "")))
        out.flush()
    return state.get("exitcode", 128 + state.get("signal", 0))


def main():
    limit_s = float(os.environ.get("VM_LIMIT", "600"))
    try:
        sys.exit(run(Agent(sys.argv[1], limit_s), sys.argv[2], time.monotonic() + limit_s))
    except OSError as error:
        sys.exit(f"agent: {error}")


main()
