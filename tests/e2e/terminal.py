# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a command on a terminal of its own: terminal.py COLUMNS COMMAND ARGUMENT...

What it wrote there comes on stdout as it comes, but for the terminal's own carriage returns. The exit
status is the command's.
"""
import fcntl
import os
import pty
import struct
import sys
import termios


def take(end):
    os.setsid()
    fcntl.ioctl(end, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(end, fd)


def copy(terminal):
    while True:
        try:
            output = os.read(terminal, 65536)
        except OSError:  # EIO: nobody has it open any more
            return
        if not output:
            return
        sys.stdout.buffer.write(output.replace(b"\r", b""))
        sys.stdout.buffer.flush()


def main():
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0))
    child = os.fork()
    if child == 0:
        os.close(terminal)
        take(end)
        os.execvp(sys.argv[2], sys.argv[2:])
    os.close(end)
    copy(terminal)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main()
