"""Part 4: what the guard costs a packet that it lets pass, against other ways to let it pass."""


import stage
from result import interval, row

CLIENT, SERVER, PORT = "192.0.2.2", "192.0.2.1", 60001
INPUT = "chain input { type filter hook input priority 0; policy accept;"
RANGE = "udp dport 60000-61000"
GRANTS = [1, 100, 10000, 65000]
RULES = [1, 10, 100, 1000]

EMPTY = f"table inet other {{ {INPUT} }}; }}"
STATIC = f"table inet other {{ {INPUT} {RANGE} accept; }}; }}"
# Any rule with "ct" has the kernel track the connections of the whole namespace.
TRACKED = f"table inet other {{ {INPUT} }}; chain tracks {{ ct state new drop; }}; }}"
# What a gate costs at the least that knows addresses and ports: it neither counts nor renews.
LOOKUP = f"""table inet other {{
    set allowed {{ type ipv4_addr . ipv4_addr . inet_service; flags dynamic,timeout; }}
    {INPUT} {RANGE} ip saddr . ip daddr . udp dport @allowed accept; }};
}}
add element inet other allowed {{ {CLIENT} . {SERVER} . {PORT} timeout 1h }}"""


def make_host(name):
    stage.run(["ip", "netns", "add", name])
    stage.run(stage.on(name, "ip", "link", "set", "lo", "up"))
    for address in CLIENT, SERVER:
        stage.run(stage.on(name, "ip", "address", "add", f"{address}/32", "dev", "lo"))


def others(count):
    """addresses of so many other clients"""
    return [f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}" for i in range(1, count)]


def guard(name, grants, *lines):
    """the helper's own guard, which stays when that ends; with as many elements as it may have"""
    with stage.Helper(*lines, host=name):
        pass
    elements = [f"{client} . {SERVER} . {60000 + i % 1000} timeout 1h comment \"{'c' * 90}\""
                for i, client in enumerate(others(grants))] + [f"{CLIENT} . {SERVER} . {PORT} timeout 1h"]
    for i in range(0, len(elements), 5000):
        stage.nft(name, f"add element inet moshgate grants4 {{ {', '.join(elements[i:i + 5000])} }}")


def iptables(name, count):
    """a rule for each client, as fwknop makes them; the one that is measured is in their midst"""
    clients = others(count)
    clients.insert(count // 2, CLIENT)
    rules = [f"-A INPUT -p udp -s {client} --dport {PORT} -j ACCEPT" for client in clients]
    stage.run(stage.on(name, "iptables-restore"), "*filter\n" + "\n".join(rules) + "\nCOMMIT\n")


# host: (port, what, what it is compared with, more about the row)
HOSTS = {
    "b-empty": (PORT, "an empty input chain", None, {}),
    "b-tracked": (PORT, "with connections tracked", "b-empty", {}),
    "b-lookup": (PORT, "one lookup in a set of addresses and ports: the limit", "b-empty", {}),
    "b-static": (PORT, "one rule for the whole range", "b-empty", {}),
    **{f"b-iptables{count}": (PORT, f"iptables, {count:,} rule{'s, in their midst' if count > 1 else ''}", "b-empty",
                              {"series": "iptables, a rule for each", "x": count}) for count in RULES},
    **{f"b-guard{count}": (PORT, f"guard, {count:,} grant{'s' * (count > 1)}", "b-empty",
                           {"series": "guard, connections tracked", "x": count, "target": (450,)}) for count in GRANTS},
    **{f"b-plain{count}": (PORT, f"guard, {count:,} grant{'s' * (count > 1)}, conntrack = no", "b-empty",
                           {"series": "guard, conntrack = no", "x": count, "target": (450,)}) for count in GRANTS},
    "b-outside": (50000, "guard, a port outside of the range", "b-empty", {}),
}


def set_up():
    for name in HOSTS:
        make_host(name)
    stage.nft("b-empty", EMPTY)
    stage.nft("b-tracked", TRACKED)
    stage.nft("b-lookup", LOOKUP)
    stage.nft("b-static", STATIC)
    for count in RULES:
        iptables(f"b-iptables{count}", count)
    for count in GRANTS:
        guard(f"b-guard{count}", count)
        guard(f"b-plain{count}", count, "[firewall]", "conntrack = no")
    guard("b-outside", 1, "[firewall]", "conntrack = no")


def run(quick):
    set_up()
    printed = stage.run([stage.program("packets"), "300" if quick else "3000", "200",
                         *(f"{host}:{port}" for host, (port, *_) in HOSTS.items())])
    columns = dict(zip(HOSTS, zip(*(map(float, line.split()) for line in printed.splitlines()))))
    rows = []
    for host, (_, what, base, more) in HOSTS.items():
        samples = [a - b for a, b in zip(columns[host], columns[base])] if base else columns[host]
        rows.append(row("packets", ("more than that: " if base else "a packet, sent and received: ") + what, "ns",
                        samples, **more, spread=interval(samples)))
    samples = [a - b for a, b in zip(columns["b-guard1"], columns["b-tracked"])]
    rows.append(row("packets", "more than with connections tracked: guard, 1 grant", "ns", samples, target=(450,),
                    spread=interval(samples)))
    return rows
