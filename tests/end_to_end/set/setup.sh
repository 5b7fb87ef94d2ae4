# A stdenv in one page: the phases, hooks and wrappers of nixpkgs' as far as the tests use them.
if [ -e "${NIX_ATTRS_SH_FILE:-.attrs.sh}" ]; then
	. "${NIX_ATTRS_SH_FILE:-.attrs.sh}"
	out=${outputs[out]}
	export out
fi

# Lists are arrays with structured attributes, and words without.
list() {
	local -n values=$1 2>/dev/null || return 0
	printf '%s\n' ${values[@]+"${values[@]}"}
}

PATH=
for tool in $(list compilers) $baseTools; do
	PATH=$PATH${PATH:+:}$tool/bin
done
PKG_CONFIG_PATH= SET_CFLAGS= SET_LDFLAGS=
for input in $(list nativeBuildInputs) $(list nativeCheckInputs) $(list buildInputs); do
	PATH=$input/bin:$PATH
done
for input in $(list buildInputs); do
	PKG_CONFIG_PATH=$PKG_CONFIG_PATH${PKG_CONFIG_PATH:+:}$input/lib/pkgconfig
	SET_CFLAGS="$SET_CFLAGS -isystem $input/include"
	SET_LDFLAGS="$SET_LDFLAGS -L$input/lib -Wl,-rpath,$input/lib"
done
export PATH PKG_CONFIG_PATH SET_CFLAGS SET_LDFLAGS
CC=gcc CXX=g++ AR=ar
export CC CXX AR

runHook() { :; }

has() {
	local input
	for input in $(list nativeBuildInputs); do
		[[ $input == *-$1 ]] && return 0
	done
	return 1
}

makeWrapper() {
	has make-wrapper-hook || { echo "makeWrapper is not among the inputs" >&2; return 1; }
	local program=$1 wrapper=$2 flags=
	shift 2
	{
		echo "#!$(command -v bash)"
		while (($#)); do
			case $1 in
				--prefix) echo "export $2=$4\${$2:+:\$$2}"; shift 4 ;;
				--set-default) echo "export $2=\${$2-$(printf %q "$3")}"; shift 3 ;;
				--add-flag) flags="$flags $(printf %q "$2")"; shift 2 ;;
				--inherit-argv0) shift ;;
				*) echo "makeWrapper: what is $1?" >&2; return 1 ;;
			esac
		done
		echo "exec $program$flags \"\$@\""
	} >"$wrapper"
	chmod +x "$wrapper"
}

substituteInPlace() {
	local file=$1 text
	shift
	text=$(<"$file")
	while (($#)); do
		[[ $1 == --replace-fail && $text == *"$2"* ]] || { echo "substituteInPlace: no $2 in $file" >&2; return 1; }
		text=${text//"$2"/"$3"}
		shift 3
	done
	printf '%s\n' "$text" >"$file"
}

wrapProgram() {
	local program=$1 hidden=${1%/*}/.${1##*/}-wrapped
	shift
	mv "$program" "$hidden"
	makeWrapper "$hidden" "$program" "$@"
}

# Does what auto-patchelf does: fails when something is not there.
autoPatchelf() {
	local file needed directory found path
	local opened=$(for it in $(list runtimeDependencies); do printf ':%s/lib' "$it"; done)
	local appended=$(list appendRunpaths | while read -r it; do printf ':%s' "$it"; done)
	find "$out" -type f | while read -r file; do
		[[ $(head --bytes=4 "$file" | tr --delete '\0') == $'\x7fELF' ]] || continue
		path=
		for needed in $(patchelf --print-needed "$file"); do
			found=
			for directory in $(find "$out" -name '*.so*' -printf '%h\n' | sort --unique) \
				$(for it in $(list buildInputs); do echo "$it/lib"; done) "$(dirname "$interpreter")"; do
				[[ -e $directory/$needed ]] && { found=$directory; break; }
			done
			if [[ -n $found ]]; then
				path=$path:$found
			elif ! list autoPatchelfIgnoreMissingDeps | grep --quiet --line-regexp --fixed-strings "$needed"; then
				echo "autoPatchelf: nobody has $needed, needed by $file" >&2
				return 1
			fi
		done
		patchelf --print-interpreter "$file" >/dev/null 2>&1 && {
			patchelf --set-interpreter "$interpreter" "$file"
			path=$path$opened
		}
		patchelf --set-rpath "${path#:}$appended" "$file"
	done
}

genericBuild() {
	set -e
	export HOME=$NIX_BUILD_TOP
	interpreter=$(patchelf --print-interpreter "$(command -v bash)")
	if [[ -d $src ]]; then
		cp -r "$src" source
		chmod -R u+w source
		cd source
	elif [[ -n ${src:-} ]]; then
		mkdir source
		cp "$src" "source/${src#*-}"
		cd source
	fi
	export SOURCE_DATE_EPOCH=1
	local prefix=()
	if [[ -z ${dontConfigure:-} && -x configure ]]; then
		prefix=(--prefix="$out")
		CONFIG_SHELL=$(command -v bash) bash ./configure "${prefix[@]}" $(list configureFlags)
	fi
	if [[ -n ${buildPhase:-} ]]; then
		eval "$buildPhase"
	elif [[ -z ${dontBuild:-} ]]; then
		make SHELL="$(command -v bash)" $(list makeFlags)
	fi
	if [[ -n ${doCheck:-} && ${doCheck} != false ]]; then
		make SHELL="$(command -v bash)" $(list makeFlags) check
	fi
	if [[ -n ${installPhase:-} ]]; then
		eval "$installPhase"
	else
		make SHELL="$(command -v bash)" $(list makeFlags) install
	fi
	has auto-patchelf-hook && autoPatchelf
	eval "${postFixup:-}"
}
