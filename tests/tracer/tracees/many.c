// Looks many times for many files that do not exist.
//
// many DIRECTORY FILES ROUNDS

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    long files = atol(argv[2]);
    for (long round = atol(argv[3]); round > 0; round--)
        for (long file = 0; file < files; file++) {
            char path[4096];
            struct stat found;
            snprintf(path, sizeof path, "%s/%ld", argv[1], file);
            if (stat(path, &found) == 0)
                return 1;
        }
    return 0;
}
