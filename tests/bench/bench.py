"""Inside the lab: runs the parts, and writes what came of them as JSON: bench.py FILE quick|full [PART...]"""

import importlib
import json
import os
import platform
import re
import subprocess
import sys
import time

import stage

PARTS = ["login", "knock", "opening", "closing", "packets", "still", "crowd", "flush"]


def machine():
    cpuinfo = open("/proc/cpuinfo").read()
    model = re.search(r"^model name\s*: (.*)", cpuinfo, re.M)
    return {
        "kernel": platform.release(),
        "processors": os.cpu_count(),
        "model": model[1] if model else platform.machine(),
        "nft": subprocess.run(["nft", "--version"], capture_output=True, text=True).stdout.split()[1],
        "load": os.getloadavg()[0],
    }


def main(path, mode, *parts):
    stage.set_up()
    result = {"mode": mode, "date": time.strftime("%Y-%m-%d"), "machine": machine(), "rows": []}
    for part in parts or PARTS:
        start_s = time.monotonic()
        result["rows"] += importlib.import_module(part).run(mode == "quick")
        print(f"{part}: {time.monotonic() - start_s:.0f} s", file=sys.stderr, flush=True)
        with open(path, "w") as file:
            json.dump(result, file, ensure_ascii=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
