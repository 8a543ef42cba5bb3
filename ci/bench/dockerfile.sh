# shellcheck shell=bash
# The Dockerfile arm of ci/bench.sh, which sources this: its context, its arguments, a daemon of its own.
# shellcheck disable=SC2154 # root, work, strix, project, source and first are bench.sh's

daemon=

plan() { "$strix" --project "$project" plan "$first" | awk -v key="$1" '$1 == key {$1 = ""; print substr($0, 2)}'; }

# packages and entries read $container, the container's file; dockerfile_build sets it.
# packages KEY: a list of the container's file, on the key's line or the next
packages() { awk -v key="$1:" '$1 == key {on = 1; $1 = ""} on && /\]/ {gsub(/[][,]/, " "); print; exit}' "$container"; }
entries() { awk -v key="$1:" '$1 == key {on = 1; next} on && $1 != "-" {exit} on {print $2}' "$container" | tr '\n' ' '; }

# stubs: the container's stubs, LIBRARY RESULT each
stubs() { awk '$1 == "-" && $2 == "library:" {library = $3} $1 == "returns:" {print library, $2}' "$container" | tr '\n' ' '; }

start_daemon() {
	"$root/bin/buildkitd" --root "$work/docker" --addr "unix://$work/sock" --otel-socket-path "$work/otel" \
		--containerd-worker=false --oci-worker=true --oci-worker-net=host --allow-insecure-entitlement network.host \
		>"$work/buildkitd.log" 2>&1 &
	daemon=$!
	until "$root/bin/buildctl" --addr "unix://$work/sock" debug workers >/dev/null 2>&1; do
		kill -0 "$daemon" 2>/dev/null || die "buildkitd ended: $(tail -n 1 "$work/buildkitd.log")"
		sleep 0.1
	done
}

stop_daemon() {
	[ -n "$daemon" ] || return 0
	kill "$daemon" 2>/dev/null || true
	wait "$daemon" 2>/dev/null || true
	daemon=
}

# context makes the build context: base, source at the lock's commit without what the recipe excludes, patches, tools.
context() {
	local dir=$work/context exclude=() path
	mkdir -p "$dir/src" "$dir/patches"
	debootstrap --variant=minbase "$(awk '$1 == "bootstrap:" {gsub(/[{}]/, ""); print $NF}' "$container")" "$work/base" >/dev/null
	tar -C "$work/base" --one-file-system --exclude=./dev/* --exclude=./var/cache/apt/* -cf "$dir/base.tar" .
	for path in $(awk '$1 == "exclude:" {gsub(/[][,]/, " "); $1 = ""; print}' "$project/recipes/$first.yaml"); do
		exclude+=(":(exclude)$path")
	done
	git -C "$source" -c "safe.directory=$source" archive "$(lock commit)" -- . "${exclude[@]}" | tar -x -C "$dir/src"
	cp "$root/internal/graph/scripts/apt.sh" "$root/internal/graph/scripts/stub.sh" "$strix" "$dir/"
	apt-config dump 2>/dev/null | grep -E '^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date)' >"$work/apt.conf" || true
	cat /etc/ssl/certs/ca-certificates.crt >"$work/ca.pem" 2>/dev/null || : >"$work/ca.pem"
}

lock() { awk -v key="$1:" '$1 == key {gsub(/"/, "", $2); print $2; exit}' "$project/recipes/stable.lock.yaml"; }

cmake_args() {
	plan cmake | sed 's/^/-D/'
	printf -- '-D%s\n' "LLAMA_BUILD_NUMBER=$(lock build | tr -d b)" "LLAMA_BUILD_COMMIT=$(lock commit | cut -c 1-9)" \
		CMAKE_BUILD_WITH_INSTALL_RPATH=ON "CMAKE_INSTALL_RPATH=\$ORIGIN/../lib" \
		CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
	case $(plan backend) in rocm*) echo -DCMAKE_HIP_COMPILER_LAUNCHER=ccache ;; esac
}

# dockerfile_build sets took to the seconds of the whole, with the base's debootstrap and the export of the source, as
# strix-build's own time has them.
dockerfile_build() {
	local from keep cut=
	from=$(now)
	container=$project/containers/$(plan container | cut -d, -f1).yaml
	context
	keep=$(plan keep-gpus)
	# shellcheck disable=SC2086 # several targets
	[ -z "$keep" ] || cut="$(printf -- '--keep %s ' $keep) $(entries gpu-libraries)"
	start_daemon
	"$root/bin/buildctl" --addr "unix://$work/sock" build --frontend dockerfile.v0 --allow network.host \
		--local "context=$work/context" --local "dockerfile=$root/ci/bench" \
		--secret "id=apt.conf,src=$work/apt.conf" --secret "id=ca.pem,src=$work/ca.pem" \
		--opt "build-arg:SUITES=$(packages suites)" --opt "build-arg:RELEASE=$(awk '$1 == "release:" {print $2}' "$container")" \
		--opt "build-arg:BUILD_PACKAGES=$(packages build)" --opt "build-arg:UI_PACKAGES=$(packages ui)" \
		--opt "build-arg:RUNTIME_PACKAGES=$(packages runtime) $(packages toolbox)" --opt "build-arg:VERSION=$(lock build)" \
		--opt "build-arg:CMAKE_ARGS=$(cmake_args | tr '\n' ' ')" --opt "build-arg:PROGRAMS=$(plan programs)" \
		--opt "build-arg:CUT=$cut" --opt "build-arg:STUBS=$(stubs)" \
		--output "type=oci,dest=$work/image,tar=false,compression=zstd,compression-level=11,force-compression=true" >&2
	stop_daemon
	took=$((($(now) - from) / 1000000))
}
