#!/bin/sh
# apt.sh PACKAGE…: enables $STRIX_SUITES from the base's own mirror, installs, and leaves nothing that differs
# from run to run (logs, caches with inode numbers). /var/cache/apt may be shared with other steps that install at the
# same time: they download one after the other, so that nothing comes twice, and unpack at once.
set -eu
for suite in ${STRIX_SUITES:-}; do
	for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.sources; do
		[ -e "$list" ] || continue
		case $list in
		*.sources) sed -i -E "s/^(Suites:.*)$/\1 $suite/" "$list" ;;
		*) sed -E -n "s/^(deb (\[[^]]*\] )?[^ ]+) [^ ]+ (.*)$/\1 $suite \3/p" "$list" >"/etc/apt/sources.list.d/$suite.list" ;;
		esac
	done
done
rm -f /etc/apt/apt.conf.d/docker-clean # it would empty the download cache
{
	printf 'APT::Keep-Downloaded-Packages "true";\n'
	printf 'Dir::Cache::%s "/tmp/%s.bin";\n' pkgcache pkgcache srcpkgcache srcpkgcache # each step's own
} >/etc/apt/apt.conf.d/90strix-keep
mkdir -p /etc/dpkg/dpkg.cfg.d
{
	printf 'path-exclude=/usr/share/%s/*\n' doc info locale man lintian
	printf 'path-include=/usr/share/doc/*/copyright\n'
} >/etc/dpkg/dpkg.cfg.d/strix-build
get() { apt-get -qq -y --no-install-recommends ${STRIX_RELEASE:+-t "$STRIX_RELEASE"} "$@" </dev/null; }
apt-get -qq update
(flock 9 && get install --download-only "$@") 9>/var/cache/apt/strix-build.lock
get -o Debug::NoLocking=true install --no-download "$@" # apt's own lock of the downloads would last until the end
rm -rf /etc/apt/apt.conf.d/90strix-keep /var/lib/apt/lists/* /var/log/apt \
	/var/log/dpkg.log /var/log/alternatives.log /var/log/bootstrap.log /var/cache/ldconfig/aux-cache \
	/var/cache/debconf/*-old /var/lib/dpkg/*-old /usr/share/man/?? /tmp/* /var/tmp/*
: >/etc/machine-id
sed -i -E 's/^([^:]*:[^:]*:)[0-9]+:/\11:/' /etc/shadow # the day an account was made
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow-
