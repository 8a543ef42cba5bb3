#!/bin/sh
# dnf.sh PACKAGE…: adds the repositories of $STRIX_REPOS (lines "name url gpgkey"), installs, cleans.
set -eu
printf '%s\n' "${STRIX_REPOS:-}" | while read -r name url key; do
	[ -n "$name" ] || continue
	printf '[%s]\nname=%s\nbaseurl=%s\nenabled=1\ngpgcheck=1\ngpgkey=%s\n' "$name" "$name" "$url" "$key" >"/etc/yum.repos.d/$name.repo"
done
dnf -y --setopt=install_weak_deps=False --setopt=tsflags=nodocs --setopt=keepcache=1 install "$@"
rm -rf /var/log/dnf* /var/lib/dnf/history* /var/cache/ldconfig/aux-cache /tmp/* /var/tmp/*
