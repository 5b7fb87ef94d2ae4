/* Asks a DNS server of its own for names and receives the answers, in every way in which one is seen, and
 * receives other things that are none. The server has port 53 of a network that is this program's only. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A query, an answer to it, and what was received. */
static unsigned char asked[64], told[96], came[512];
static size_t asked_length, told_length;
static int server;

static void expect(int holds, const char *what)
{
	if (!holds) {
		perror(what);
		exit(1);
	}
}

/* Prepares a query for NAME.test and the answer that it has the address 192.0.2.HOST. */
static void prepare(const char *name, unsigned char host)
{
	static const unsigned char head[] = {1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
	static const unsigned char tail[] = "\4test\0\0\1\0\1";
	unsigned char record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, host};
	size_t length = strlen(name), at = sizeof head;

	memcpy(asked, head, sizeof head);
	asked[at++] = length;
	memcpy(asked + at, name, length);
	at += length;
	memcpy(asked + at, tail, sizeof tail - 1);
	asked_length = at + sizeof tail - 1;
	memcpy(told, asked, asked_length);
	told[2] = 0x84;
	told[7] = 1;
	memcpy(told + asked_length, record, sizeof record);
	told_length = asked_length + sizeof record;
	memset(came, 0, sizeof came);
}

static struct sockaddr_in at_port(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

static int bound(int port)
{
	struct sockaddr_in address = at_port(port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	expect(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
	return fd;
}

static int connected(void)
{
	struct sockaddr_in address = at_port(53);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	expect(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
	return fd;
}

/* Sends the query as the C library does, to the address if there is one. */
static void ask(int fd, struct sockaddr_in *address)
{
	socklen_t length = address ? sizeof *address : 0;
	ssize_t sent = sendto(fd, asked, asked_length, MSG_NOSIGNAL, (struct sockaddr *)address, length);

	expect(sent == (ssize_t)asked_length, "a query is sent");
}

/* Takes a query, and sends the answer from some socket to whoever asked. */
static void answer(int from)
{
	struct sockaddr_in who;
	socklen_t length = sizeof who;
	unsigned char query[sizeof asked];

	expect(recvfrom(server, query, sizeof query, 0, (struct sockaddr *)&who, &length) > 0,
	       "a query comes");
	expect(sendto(from, told, told_length, 0, (struct sockaddr *)&who, length) > 0,
	       "an answer is sent");
}

static void has_come(ssize_t length)
{
	expect(length == (ssize_t)told_length && memcmp(came, told, length) == 0, "it has come");
}

static void receive(int fd)
{
	struct sockaddr_in from;
	socklen_t length = sizeof from;

	has_come(recvfrom(fd, came, sizeof came, 0, (struct sockaddr *)&from, &length));
	close(fd);
}

static void receive_message(int fd, struct sockaddr_in *from)
{
	struct iovec piece = {came, sizeof came};
	struct msghdr header = {.msg_name = from, .msg_iov = &piece, .msg_iovlen = 1};

	header.msg_namelen = from ? sizeof *from : 0;
	has_come(recvmsg(fd, &header, 0));
	close(fd);
}

static void own_network(void)
{
	struct ifreq loopback = {.ifr_name = "lo"};
	int fd;

	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		exit(77);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	loopback.ifr_flags = IFF_UP;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &loopback) != 0)
		exit(77);
	close(fd);
}

static void reap(void)
{
	int status;

	expect(wait(&status) >= 0 && status == 0, "a child ends well");
}

int main(void)
{
	struct sockaddr_in address = at_port(53), from;
	socklen_t length = sizeof from;
	int fd, other, silent;

	own_network();
	server = bound(53);
	other = bound(5301);
	silent = bound(5302);

	/* As glibc does. */
	prepare("recvfrom", 1);
	fd = connected();
	ask(fd, NULL);
	answer(server);
	receive(fd);

	/* As c-ares does, and musl before 1.2.4. */
	prepare("unconnected", 2);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	ask(fd, &address);
	answer(server);
	receive(fd);

	/* As musl does. */
	prepare("recvmsg", 3);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	ask(fd, &address);
	answer(server);
	receive_message(fd, &from);

	prepare("without-sender", 4);
	fd = connected();
	ask(fd, NULL);
	answer(server);
	receive_message(fd, NULL);

	/* The answer may be waited for. */
	prepare("late", 5);
	fd = connected();
	ask(fd, NULL);
	if (fork() == 0) {
		usleep(50000);
		answer(server);
		_exit(0);
	}
	receive(fd);
	reap();

	/* A child has its parent's sockets. */
	prepare("inherited", 6);
	fd = connected();
	ask(fd, NULL);
	answer(server);
	if (fork() == 0) {
		receive(fd);
		_exit(0);
	}
	reap();
	close(fd);

	/* Not from the server's port. */
	prepare("other-port", 7);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	ask(fd, &address);
	answer(other);
	receive(fd);

	/* By a socket that has asked for nothing. */
	prepare("unasked", 8);
	address = at_port(5302);
	expect(sendto(server, told, told_length, 0, (struct sockaddr *)&address, sizeof address) > 0,
	       "what looks like an answer is sent");
	receive(silent);

	/* In the buffer, and not received. */
	prepare("stale", 9);
	fd = connected();
	ask(fd, NULL);
	memcpy(came, told, told_length);
	from = at_port(53);
	expect(recvfrom(fd, came, sizeof came, MSG_DONTWAIT, (struct sockaddr *)&from, &length) < 0 &&
	       errno == EAGAIN, "nothing comes");
	return 0;
}
