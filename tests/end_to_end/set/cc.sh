# A compiler that knows where the set's own C library is, and where setup.sh says that inputs are.
PATH=$coreutils/bin
mkdir -p "$out/bin"
for name in gcc cc; do
	cat > "$out/bin/$name" <<-SCRIPT
		#!$bash/bin/bash
		compile=
		for word; do [[ \$word == -[cSE] ]] && compile=1; done
		link=(-B$glibc/lib -L$glibc/lib -Wl,-dynamic-linker,$glibc/lib/ld-linux-x86-64.so.2 -Wl,-rpath,$glibc/lib \$SET_LDFLAGS)
		[[ -n \$compile ]] && link=()
		exec $gcc/bin/gcc -B$binutils/bin -idirafter $glibc/include \$SET_CFLAGS "\$@" "\${link[@]}"
	SCRIPT
	chmod +x "$out/bin/$name"
done
for tool in ar ranlib strip ld as nm; do
	ln -s "$binutils/bin/$tool" "$out/bin/$tool"
done
