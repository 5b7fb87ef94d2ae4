/* Passes paths that are hard to read; each call must answer as it would untraced. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096

static int fails(const char *path, int expected)
{
	struct stat st;
	errno = 0;
	return stat(path, &st) == -1 && errno == expected;
}

int main(void)
{
	char *pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED || munmap(pages + 2 * PAGE, PAGE) != 0)
		return 1;
	static const char ends[] = "/hostile/ends-with-its-page";
	char *at = pages + 2 * PAGE - sizeof ends;
	strcpy(at, ends);
	if (!fails(at, ENOENT))
		return 2;
	/* The same without its NUL runs into nothing. */
	memmove(at + 1, at, sizeof ends - 1);
	if (!fails(at + 1, EFAULT))
		return 3;
	at = pages + PAGE - 10;
	strcpy(at, "/hostile/crosses-a-page");
	if (!fails(at, ENOENT))
		return 4;
	if (!fails("/hostile/\xff\n\x01", ENOENT))
		return 5;
	if (!fails((char *)1, EFAULT) || !fails((char *)-1L, EFAULT) || !fails(NULL, EFAULT))
		return 6;
	if (!fails("", ENOENT))
		return 7;
	if (mprotect(pages, PAGE, PROT_NONE) != 0 || !fails(pages, EFAULT))
		return 8;
	static char long_path[2 * PAGE];
	memset(long_path, 'x', sizeof long_path - 1);
	for (unsigned i = 0; i < sizeof long_path - 1; i += 100)
		long_path[i] = '/';
	if (!fails(long_path, ENAMETOOLONG))
		return 9;
	char *argv[] = {"x", NULL};
	char *volatile nowhere = (char *)1;
	if (execve(nowhere, argv, argv) != -1 || errno != EFAULT)
		return 10;
	if (execve("/hostile/none", (char **)nowhere, argv) != -1 || (errno != EFAULT && errno != ENOENT))
		return 11;
	if (openat(999, "x", O_RDONLY) != -1 || errno != EBADF)
		return 12;
	return 0;
}
