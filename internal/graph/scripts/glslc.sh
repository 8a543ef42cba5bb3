#!/bin/sh
# glslc.sh ARG…: glslc through ccache, so that a shader is compiled once, as C++ is. ccache knows no shaders and no glslc: it takes them for C of
# an unknown compiler, which is this script. It asks for no preprocessor (that takes glslc as long as all the rest): with CCACHE_DEPEND what
# was included comes from the file that -MD writes.
if [ "${STRIX_GLSLC-}" ]; then # as ccache's compiler
	for arg do
		shift
		case $last$arg in
		-xc | -c) ;;
		-x) last=-x; continue ;;
		*) set -- "$@" "$arg" ;;
		esac
		last=
	done
	exec glslc "$@"
fi
out= last= deps=
for arg do
	[ "$last" != -o ] || out=$arg
	[ "$arg" != -MD ] || deps=yes
	last=$arg
done
case $out in '' | -) exec glslc "$@" ;; esac # nothing to keep
[ "$deps" ] || set -- -MD -MF "$out.d" "$@"

# What compiles is glslc and its libraries, whatever they are called. They are read once in a build.
sum=$STRIX_GLSLC_SUM
if [ ! -s "$sum" ]; then
	glslc=$(command -v glslc)
	{
		sha256sum "$glslc"
		ldd "$glslc" 2>/dev/null | while read -r _ arrow file _; do
			[ "$arrow" != '=>' ] || sha256sum "$file"
		done
	} | sha256sum >"$sum.$$" && mv "$sum.$$" "$sum"
fi
compiler=
read -r compiler _ <"$sum"
[ "$compiler" ] || exec glslc "$@" # without it, a shader could be another compiler's
STRIX_GLSLC=1 CCACHE_COMPILERTYPE=other CCACHE_COMPILERCHECK=string:$compiler exec ccache "$0" -x c -c "$@"
