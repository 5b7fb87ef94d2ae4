# Copies the files of Debian packages into $out as nixpkgs lays them out, and makes its programs and
# libraries find what they need there: the loader of the set's own glibc, and beside it a private
# copy of every library that another package has.
set -eu
shopt -s nullglob

# Whether a file is an ELF image. Its first four bytes hold no NUL, which bash could not read.
is_elf() {
	local magic=
	LC_ALL=C read -r -N 4 magic <"$1" || true
	[[ $magic == $'\x7fELF' && $1 != *.o && $1 != *.a ]]
}

# The files of the packages, by the directory that they go to: one copy for each directory.
mkdir -p "$out"
declare -A files=() seen=()
while read -r file; do
	[[ -d $file && ! -L $file ]] && continue
	case $file in
		/usr/lib/x86_64-linux-gnu/perl5/*) place=lib/perl5/${file#/usr/lib/x86_64-linux-gnu/perl5/*/} ;;
		/usr/lib/x86_64-linux-gnu/perl-base/*) place=lib/perl5/${file#/usr/lib/x86_64-linux-gnu/perl-base/} ;;
		/usr/lib/x86_64-linux-gnu/perl/*/*) place=lib/perl5/${file#/usr/lib/x86_64-linux-gnu/perl/*/} ;;
		/usr/share/perl5/*) place=lib/perl5/${file#/usr/share/perl5/} ;;
		/usr/share/perl/*/*) place=lib/perl5/${file#/usr/share/perl/*/} ;;
		/usr/share/doc/* | /usr/share/man/* | /usr/share/locale/* | /usr/share/lintian/*) continue ;;
		*/tests/* | */test/* | *.pyc) continue ;;
		/usr/include/x86_64-linux-gnu/*) place=include/${file#/usr/include/x86_64-linux-gnu/} ;;
		/usr/lib/x86_64-linux-gnu/* | /lib/x86_64-linux-gnu/*) place=lib/${file#*/x86_64-linux-gnu/} ;;
		/lib64/*) place=lib/${file#/lib64/} ;;
		/usr/sbin/* | /sbin/*) place=bin/${file##*sbin/} ;;
		/usr/*) place=${file#/usr/} ;;
		/bin/* | /lib/*) place=${file#/} ;;
		*) continue ;;
	esac
	[[ -f $file && -z ${seen[$place]:-} ]] || continue
	seen[$place]=1
	files[${place%/*}]+=$file$'\n'
done < <(for package in $packages; do dpkg -L "${package%=*}"; done | sort --unique)
for place in "${!files[@]}"; do
	mkdir -p "$out/$place"
	mapfile -t sources <<<"${files[$place]%$'\n'}"
	cp -L "${sources[@]}" "$out/$place"
done
chmod -R u+w "$out"

# Debian's names for what other systems call by one.
[[ -e $out/bin/gawk && ! -e $out/bin/awk ]] && ln -s gawk "$out/bin/awk"
for versioned in "$out"/bin/gcc-[0-9]* "$out"/bin/python3.[0-9]*; do
	[[ $versioned == *-config ]] && continue
	plain=${versioned%-[0-9]*}
	plain=${plain%.[0-9]*}
	[[ -e $plain ]] || ln -s "${versioned##*/}" "$plain"
done
[[ -e $out/bin/bash ]] && ln -sf bash "$out/bin/sh"
for file in "$out"/lib/pkgconfig/*.pc; do
	sed -i "s|^prefix=.*|prefix=$out|; s|\${prefix}/lib/x86_64-linux-gnu|\${prefix}/lib|; s|/include/x86_64-linux-gnu|/include|" "$file"
done
for file in "$out"/lib/*.so; do
	# A linker script names the host's files.
	is_elf "$file" ||
		sed -i "s|/usr/lib/x86_64-linux-gnu|$out/lib|g; s|/lib/x86_64-linux-gnu|$out/lib|g; s|/lib64|$out/lib|g" "$file"
done
[[ -n $loader ]] || exit 0

private=$out/libexec/needed
find "$out" -type f | while read -r file; do
	is_elf "$file" || continue
	while read -r name _ path _; do
		[[ $path == /* && ! -e $out/lib/$name && ! -e $loader/lib/$name ]] || continue
		mkdir -p "$private"
		[[ -e $private/$name ]] || cp -L "$path" "$private/$name"
	done < <(ldd "$file" 2>/dev/null || true)
done
find "$out" -type f | while read -r file; do
	is_elf "$file" || continue
	patchelf --set-rpath "$out/lib:$private:$loader/lib" "$file" 2>/dev/null || continue
	if patchelf --print-interpreter "$file" >/dev/null 2>&1; then
		patchelf --set-interpreter "$loader/lib/ld-linux-x86-64.so.2" "$file"
	fi
done
