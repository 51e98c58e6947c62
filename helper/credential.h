/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_CREDENTIAL_H
#define MOSHGATE_CREDENTIAL_H

#define CREDENTIAL_SIZE 256

/* From sshd's SSH_AUTH_INFO_0 ("publickey ssh-ed25519 AAAA...", a line per method) what people
 * read: "publickey ED25519 SHA256:...", methods joined by ", ". The fingerprint is the one that
 * ssh-keygen -l prints, of a certificate that of the key in it. A key that is not understood keeps
 * its type and loses its fingerprint; what would not fit is left out as a whole. */
void credential_describe(const char *info, char text[CREDENTIAL_SIZE]);

#endif
