/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_OBSERVED_H
#define MOSHGATE_OBSERVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "address.h"

/* What the kernel tells, as plain values: the observer fills them in, policy reads them. */

#define AUDIT_SESSION_NONE UINT32_MAX /* /proc/PID/sessionid of a process without one */

/* The id of a cgroup is its directory's inode number, of which a 32-bit kernel has the lower half;
 * no two cgroups that are there have the same. */
#define OBSERVED_CGROUP(id) ((uint64_t)(uint32_t)(id))

/* An unconnected UDP socket inside the range. */
struct udp_socket {
	uint64_t cookie;        /* never used again before the next boot */
	uint64_t cgroup;        /* id of the cgroup it was made in; 0: not known */
	struct address address; /* bound to; 0.0.0.0 or :: is any */
	uint16_t port;
	uint32_t uid;
	uint32_t interface; /* index of the one it is bound to; 0: any */
	bool is_dual;       /* bound to :: and open for IPv4 too */
	bool is_ecn;        /* sends with ECT(0), as mosh does and next to nothing else */
};

/* A process that runs the mosh-server program and whose parent does not. */
struct mosh_process {
	pid_t pid;
	uint32_t uid;
	uint64_t start_ms; /* boot time */
	uint64_t cgroup;   /* 0: not known */
	uint32_t session;  /* audit session */
};

/* Where a process stands. */
struct process {
	uint64_t cgroup;  /* 0: not known */
	uint32_t session; /* audit session */
	uint64_t start;   /* in clock ticks since boot: with its pid it is not another process */
};

/* Users who count one by one. All other uids count as one user: one who may use subordinate uids
 * (subuid(5)) has thousands. */
struct known_users {
	bool (*has)(uint32_t uid, const void *context);
	const void *context;
};

/* Ports of one address, from first to last. */
struct port_span {
	struct address address;
	uint16_t first, last;
};

#define PORT_SPANS_MAX 16 /* the kernel goes through them for each socket */

struct port_spans {
	struct port_span items[PORT_SPANS_MAX];
	size_t count;
};

/* Where sockets that are bound to addresses of each family were left out. */
struct hidden_ports {
	bool of4[UINT16_MAX + 1], of6[UINT16_MAX + 1];
};

struct udp_sockets {
	struct udp_socket *items;
	size_t count, capacity;
	const struct port_spans *except; /* none of those there are asked for; null: all are */
	struct hidden_ports *hidden;     /* null: none was */
};

struct mosh_processes {
	struct mosh_process *items;
	size_t count, capacity;
};

#endif
