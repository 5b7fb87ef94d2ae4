/* A random mix of processes and threads that fork, execute, signal each other and end at any time.
 *
 * stress SEED: the same seed makes the same choices, though not the same order of what happens. Every
 * process waits for all its children and checks how each ended; the first takes over those whose
 * parents are gone, so that in the end nobody may be left. How many processes were made is written.
 *
 * stress child SEED DEPTH: a process of the mix, after an exec; descriptor 90 is the count. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COUNTER = 90, DEEPEST = 3, MOST = 6, WRONG = 200 };

static _Atomic int *made;
static char *program;

/* A process with its own choices: whoever is interrupted must not change those of others. */
struct chance {
	uint64_t state;
};

static unsigned chosen(struct chance *chance, unsigned below)
{
	/* splitmix64 */
	uint64_t word = chance->state += 0x9e3779b97f4a7c15;
	word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
	word = (word ^ word >> 27) * 0x94d049bb133111eb;
	return (word ^ word >> 31) % below;
}

static void hesitates(struct chance *chance)
{
	if (chosen(chance, 2))
		usleep(chosen(chance, 300));
	else
		for (volatile unsigned spin = chosen(chance, 20000); spin; spin--)
			;
}

static void looks(struct chance *chance)
{
	struct stat st;
	char path[60];
	snprintf(path, sizeof path, "/stress/%u", chosen(chance, 1000));
	stat(path, &st);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
}

static int lives(struct chance chance, int depth);

static void nothing(int number)
{
	(void)number;
}

/* A child of one of the kinds that there are; its own choices follow from ours. */
static pid_t makes(struct chance *chance, int depth)
{
	struct chance its = {chance->state ^ 0x5555};
	unsigned kind = chosen(chance, 3);
	pid_t pid;
	chosen(chance, 2);
	if (kind == 0) {
		char seed[30], deep[20];
		snprintf(seed, sizeof seed, "%llu", (unsigned long long)its.state);
		snprintf(deep, sizeof deep, "%d", depth + 1);
		char *argv[] = {program, "child", seed, deep, NULL}, *environment[] = {NULL};
		/* The parent waits in vfork until the child executes. */
		pid = vfork();
		if (pid == 0) {
			execve(program, argv, environment);
			_exit(WRONG + 1);
		}
	} else {
		pid = fork();
		if (pid == 0)
			_exit(lives(its, depth + 1));
	}
	if (pid > 0)
		++*made;
	return pid;
}

struct part {
	struct chance chance;
	int depth;
};

/* A thread of the mix: it makes a child and waits for it, or just looks about. */
static void *plays(void *argument)
{
	struct part part = *(struct part *)argument;
	free(argument);
	hesitates(&part.chance);
	looks(&part.chance);
	if (part.depth < DEEPEST && chosen(&part.chance, 3) == 0) {
		pid_t pid = makes(&part.chance, part.depth + 1);
		if (pid > 0)
			while (waitpid(pid, NULL, __WALL) == -1 && errno == EINTR)
				;
	}
	hesitates(&part.chance);
	return NULL;
}

static int lives(struct chance chance, int depth)
{
	static const int sent[] = {SIGUSR1, SIGTERM, SIGKILL, SIGSTOP, SIGURG};
	pid_t children[MOST];
	int killed[MOST], count = 0;
	struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};
	sigaction(SIGUSR1, &action, NULL);
	unsigned turns = 4 + chosen(&chance, 12);
	for (unsigned turn = 0; turn < turns; turn++) {
		switch (chosen(&chance, 6)) {
		case 0:
		case 1:
			if (depth < DEEPEST && count < MOST) {
				pid_t pid = makes(&chance, depth);
				if (pid < 0)
					return WRONG + 2;
				killed[count] = 0;
				children[count++] = pid;
			}
			break;
		case 2:
			if (depth < DEEPEST) {
				pthread_t thread;
				struct part *part = malloc(sizeof *part);
				*part = (struct part){{chance.state ^ 0x3333}, depth};
				chosen(&chance, 2);
				if (pthread_create(&thread, NULL, plays, part) == 0)
					pthread_detach(thread);
				else
					free(part);
			}
			break;
		case 3:
			if (count > 0) {
				unsigned which = chosen(&chance, count);
				int number = sent[chosen(&chance, 5)];
				/* Not reaped yet: it is ours, dead or alive. */
				if (kill(children[which], number) != 0)
					return WRONG + 3;
				if (number == SIGSTOP) {
					hesitates(&chance);
					kill(children[which], SIGCONT);
				} else if (number != SIGURG) {
					killed[which] = 1;
				}
			}
			break;
		case 4:
			looks(&chance);
			break;
		default:
			hesitates(&chance);
		}
	}
	/* Some end with children left, and with threads in the middle of something. */
	int leaves = depth > 0 && chosen(&chance, 4) == 0;
	for (int i = 0; i < count && !leaves; i++) {
		int status;
		pid_t pid;
		while ((pid = waitpid(children[i], &status, __WALL)) == -1 && errno == EINTR)
			;
		if (pid != children[i])
			return WRONG + 4;
		if (WIFSIGNALED(status) ? !killed[i] : WEXITSTATUS(status) >= WRONG)
			return WRONG + 5;
	}
	if (depth > 0 && chosen(&chance, 8) == 0) {
		char *argv[] = {program, "mark", NULL}, *environment[] = {NULL};
		execve(program, argv, environment);
		return WRONG + 6;
	}
	return chosen(&chance, WRONG);
}

int main(int argc, char **argv)
{
	program = argv[0];
	if (argc == 2 && !strcmp(argv[1], "mark"))
		return 5;
	int first = argc == 2;
	if (first) {
		int fd = memfd_create("count", 0);
		if (ftruncate(fd, 4096) != 0 || dup2(fd, COUNTER) != COUNTER || close(fd) != 0)
			return WRONG;
	} else if (argc != 4 || strcmp(argv[1], "child")) {
		return WRONG;
	}
	made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, COUNTER, 0);
	if (made == MAP_FAILED)
		return WRONG;
	struct chance chance = {strtoull(argv[first ? 1 : 2], NULL, 10)};
	if (!first)
		return lives(chance, atoi(argv[3]));
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	int status, result = 0;
	/* What a process of the mix leaves behind comes to us: the first of it is a child of its own. */
	pid_t pid = fork();
	if (pid == 0)
		_exit(lives(chance, 0));
	++*made;
	for (;;) {
		/* Nobody wakes us for a child that was stopped when its parent was killed. */
		pid_t told = waitpid(-1, &status, __WALL | WUNTRACED | WNOHANG);
		if (told == -1 && errno == ECHILD)
			break;
		if (told <= 0)
			usleep(500);
		else if (WIFSTOPPED(status))
			kill(told, SIGCONT);
		else if (WIFEXITED(status) && WEXITSTATUS(status) >= WRONG)
			result = WEXITSTATUS(status);
	}
	FILE *report = fopen("report", "we");
	fprintf(report, "%d\n", *made);
	return fclose(report) ? WRONG : result;
}
