/* Asks a DNS server that is not there for names, in every way in which a query is seen, and sends other
 * things that are none. Nobody needs to listen: the first datagram of a socket is always sent. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char query[64];

/* A query for NAME.test. */
static struct iovec ask(const char *name)
{
	static const char head[] = {1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
	static const char tail[] = "\4test\0\0\1\0";
	size_t length = strlen(name), at = sizeof head;

	memcpy(query, head, sizeof head);
	query[at++] = length;
	memcpy(query + at, name, length);
	at += length;
	memcpy(query + at, tail, sizeof tail);
	return (struct iovec){query, at + sizeof tail};
}

static struct sockaddr_in at_port(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

static int connected(int port)
{
	struct sockaddr_in address = at_port(port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
		exit(1);
	return fd;
}

static void expect(long sent, long expected)
{
	if (sent != expected) {
		perror("it was not sent");
		exit(2);
	}
}

static void named(int port, struct iovec what)
{
	struct sockaddr_in address = at_port(port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	expect(sendto(fd, what.iov_base, what.iov_len, 0, (struct sockaddr *)&address,
		      sizeof address), what.iov_len);
	close(fd);
}

static void message(int fd, void *address, struct iovec what)
{
	struct msghdr header = {.msg_name = address, .msg_iov = &what, .msg_iovlen = 1};

	header.msg_namelen = address ? sizeof(struct sockaddr_in) : 0;
	expect(sendmsg(fd, &header, 0), what.iov_len);
}

int main(void)
{
	struct sockaddr_in server = at_port(53);
	struct iovec what;
	struct mmsghdr both[2];
	int fd, pair[2], status;

	named(53, ask("sendto"));
	named(53, (struct iovec){"no query", 8});
	named(5301, ask("elsewhere"));

	fd = socket(AF_INET, SOCK_DGRAM, 0);
	message(fd, &server, ask("sendmsg"));
	close(fd);

	/* As glibc does for both families. */
	fd = connected(53);
	what = ask("sendmmsg");
	memset(both, 0, sizeof both);
	both[0].msg_hdr.msg_iov = both[1].msg_hdr.msg_iov = &what;
	both[0].msg_hdr.msg_iovlen = both[1].msg_hdr.msg_iovlen = 1;
	/* That nobody listens may be known when the second is sent. */
	if (sendmmsg(fd, both, 2, MSG_NOSIGNAL) < 1)
		exit(3);
	close(fd);

	/* As glibc does for one family. */
	fd = connected(53);
	what = ask("send");
	expect(send(fd, what.iov_base, what.iov_len, MSG_NOSIGNAL), what.iov_len);
	close(fd);
	fd = connected(5301);
	what = ask("send-elsewhere");
	expect(send(fd, what.iov_base, what.iov_len, MSG_NOSIGNAL), what.iov_len);
	close(fd);

	/* The number of a socket that was connected to a server, and is another one now. */
	fd = connected(53);
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0 || dup2(pair[0], fd) != fd)
		exit(4);
	message(fd, NULL, ask("another"));
	close(pair[0]);
	close(pair[1]);
	close(fd);
	fd = connected(5301);
	message(fd, NULL, ask("other-port"));
	close(fd);

	/* A child has its parent's sockets. */
	fd = connected(53);
	if (fork() == 0) {
		message(fd, NULL, ask("inherited"));
		_exit(0);
	}
	if (wait(&status) < 0 || status != 0)
		exit(5);
	return 0;
}
