# shellcheck shell=bash
# The service managers that hosts have beside systemd: each the real one, with the service that is here for it. To be
# sourced after lab.sh.

# service_files PROGRAM: that service manager, and our helper, are on the server's disk. As unpacked by
# tests/packages.sh, if it is, or as installed here; what is written there is the lab's own in either case.
service_files() {
	local folder=${SERVICES:-/nonexistent} lower=/usr part

	if [ -d "$folder/usr" ]; then
		lower=$folder/usr:/usr
		for part in rc.conf init.d runlevels; do
			[ ! -e "$folder/etc/$part" ] || cp -a "$folder/etc/$part" /etc/ || return 1
		done
	fi
	mkdir -p $LAB/usr/work $LAB/usr/upper
	mount -t overlay -o "lowerdir=$lower,upperdir=$LAB/usr/upper,workdir=$LAB/usr/work" lab /usr || skip "needs overlayfs"
	command -v "$1" >/dev/null || skip "needs $1, installed or in SERVICES (CONTRIBUTING.md)"
	install -m 755 "$MOSHGATED" /usr/sbin/moshgated
}

# service_conf [LINE...]: lab_conf's, where this build has its own
service_conf() {
	lab_conf "$@"
	service_conf_at=$(strings -a "$MOSHGATED" | grep -m 1 '/moshgate\.conf$')
	mkdir -p "$(dirname "$service_conf_at")"
	cp $LAB/moshgate.conf "$service_conf_at.new"
	mv "$service_conf_at.new" "$service_conf_at" # as a whole: a service manager may start it just then
}

# The helper runs and answers; sets HELPER. In this order: before it runs, "moshgated -t" does.
service_runs() {
	helper_answers && HELPER=$(pgrep -x moshgated)
}

# Another than that process runs.
service_runs_anew() {
	service_runs && [ "$HELPER" != "$1" ]
}
