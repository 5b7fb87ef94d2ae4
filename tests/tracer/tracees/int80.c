/* A 64-bit program that calls by the 32-bit table. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

int main(void)
{
	/* The 32-bit call takes a pointer of 32 bits. */
	char *path = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
		-1, 0);
	if (path == MAP_FAILED)
		return 1;
	strcpy(path, "/int80/missing");
	long result = 5; /* open */
	__asm__ volatile("int $0x80" : "+a"(result) : "b"(path), "c"(0), "d"(0) : "memory");
	return (int)result == -ENOENT ? 0 : 2;
}
