/* A terminal with a person at it, a shell with job control, and the job.
 *
 * terminal person WHAT COMMAND...: makes a pseudoterminal, starts a shell of our own on it that runs
 * the command as the foreground job, and does WHAT at the keyboard whenever the job has said that it
 * is ready; writes what the shell saw and what the job wrote.
 *
 * terminal job WHAT: the job. It says "ready", and then what it notices. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* What the shell says comes by a pipe of its own, so that it does not mix with the job's. */
static void shell(const char *terminal, char **command, int says)
{
	int status;
	setsid();
	int fd = open(terminal, O_RDWR);
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) != 0)
		_exit(1);
	/* As shells do: whoever takes the terminal from the background is not to be stopped by it. */
	signal(SIGTTOU, SIG_IGN);
	pid_t job = fork();
	if (job == 0) {
		setpgid(0, 0);
		tcsetpgrp(fd, getpid());
		signal(SIGTTOU, SIG_DFL);
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		close(fd);
		close(says);
		execvp(command[0], command);
		_exit(127);
	}
	setpgid(job, job);
	while (waitpid(job, &status, WUNTRACED) == job) {
		if (WIFSTOPPED(status)) {
			tcsetpgrp(fd, getpgrp());
			dprintf(says, "shell: stopped\n");
			/* fg */
			tcsetpgrp(fd, job);
			kill(-job, SIGCONT);
			continue;
		}
		tcsetpgrp(fd, getpgrp());
		if (WIFSIGNALED(status))
			dprintf(says, "shell: ended with %d\n", 128 + WTERMSIG(status));
		else
			dprintf(says, "shell: ended with %d\n", WEXITSTATUS(status));
		break;
	}
	_exit(0);
}

static int person(const char *what, char **command)
{
	int says[2];
	int terminal = posix_openpt(O_RDWR | O_NOCTTY);
	if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0 || pipe(says) != 0)
		return 77;
	struct winsize size = {.ws_row = 20, .ws_col = 70};
	char *name = strdup(ptsname(terminal)), text[4000];
	/* Held open: the terminal of the last that closes it is gone with what was written. */
	int other_end = open(name, O_RDWR | O_NOCTTY);
	struct termios settings;
	tcgetattr(other_end, &settings);
	settings.c_lflag &= ~ECHO;
	settings.c_oflag &= ~OPOST;
	tcsetattr(other_end, TCSANOW, &settings);
	ioctl(terminal, TIOCSWINSZ, &size);
	pid_t pid = fork();
	if (pid == 0) {
		close(terminal);
		close(other_end);
		close(says[0]);
		shell(name, command, says[1]);
	}
	close(says[1]);
	/* The job's text is read line by line; after each "ready" the person does something. */
	size_t length = 0, shown = 0;
	for (;;) {
		ssize_t got = read(terminal, text + length, sizeof text - 1 - length);
		if (got <= 0)
			return 1;
		length += got;
		text[length] = 0;
		char *end;
		int over = 0;
		while ((end = strchr(text + shown, '\n'))) {
			*end = 0;
			printf("job: %s\n", text + shown);
			if (!strcmp(text + shown, "ready")) {
				if (!strcmp(what, "interrupts"))
					over = write(terminal, "\x03", 1);
				else if (!strcmp(what, "quits"))
					over = write(terminal, "\x1c", 1);
				else if (!strcmp(what, "stops"))
					over = write(terminal, "\x1a", 1);
				else if (!strcmp(what, "types"))
					over = write(terminal, "hello\n", 6);
				else if (!strcmp(what, "resizes")) {
					size.ws_col = 99;
					ioctl(terminal, TIOCSWINSZ, &size);
				} else if (!strcmp(what, "hangs-up")) {
					/* The line is dead: the shell is told, and the foreground with it. */
					close(other_end);
					close(terminal);
					over = 2;
				}
			}
			if (!strcmp(text + shown, "done"))
				over = 2;
			shown = end + 1 - text;
		}
		if (over == 2 || (over && (!strcmp(what, "interrupts") || !strcmp(what, "quits"))))
			break;
	}
	fflush(stdout);
	ssize_t got;
	while ((got = read(says[0], text, sizeof text)) > 0)
		if (write(STDOUT_FILENO, text, got) != got)
			return 2;
	return waitpid(pid, NULL, 0) == pid ? 0 : 3;
}

static volatile sig_atomic_t resized, continued;

static void is_resized(int number)
{
	(void)number;
	resized++;
}

static void is_continued(int number)
{
	(void)number;
	continued++;
}

static void says(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		_exit(9);
}

static int job(const char *what)
{
	char text[100];
	struct winsize size;
	sigset_t set, old;
	signal(SIGWINCH, is_resized);
	signal(SIGCONT, is_continued);
	says(tcgetpgrp(0) == getpgrp() ? "in the foreground\n" : "in the background\n");
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGCONT);
	sigprocmask(SIG_BLOCK, &set, &old);
	says("ready\n");
	if (!strcmp(what, "resizes")) {
		while (!resized)
			sigsuspend(&old);
		ioctl(0, TIOCGWINSZ, &size);
		snprintf(text, sizeof text, "%d columns, told %d times\n", size.ws_col, (int)resized);
		says(text);
	} else if (!strcmp(what, "stops")) {
		while (!continued)
			sigsuspend(&old);
		says(tcgetpgrp(0) == getpgrp() ? "in the foreground again\n" : "in the background\n");
	} else if (!strcmp(what, "types")) {
		ssize_t length = read(0, text, sizeof text - 1);
		text[length < 0 ? 0 : length] = 0;
		says("read ");
		says(text);
	} else {
		for (;;)
			sigsuspend(&old);
	}
	says("done\n");
	return 6;
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "person"))
		return person(argv[2], argv + 3);
	if (argc > 2 && !strcmp(argv[1], "job"))
		return job(argv[2]);
	return 99;
}
