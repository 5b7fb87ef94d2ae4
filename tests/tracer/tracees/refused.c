/* Asks the kernel for what a tracer cannot follow; `refused WAY` exits with 0 whatever the answer is, and
 * writes it to the file "report". */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	long result = -1;
	errno = 0;
	if (!strcmp(way, "io-uring")) {
		struct io_uring_params params;
		memset(&params, 0, sizeof params);
		result = syscall(SYS_io_uring_setup, 8, &params);
	} else if (!strcmp(way, "unknown")) {
		/* No kernel has so many. */
		result = syscall(4000, 1, 2, 3);
	} else if (!strcmp(way, "x32")) {
		/* stat by the x32 table: of another program, it would be a call like any other. */
		char room[200];
		result = syscall(0x40000000 | SYS_stat, "/refused/x32", room);
	} else {
		return 99;
	}
	FILE *report = fopen("report", "we");
	fprintf(report, "%s", result >= 0 ? "ok" : strerrorname_np(errno));
	return fclose(report);
}
