/* Taking a file in: a sealed copy, so that what was checked and hashed is what is parsed, whoever writes to the
 * original. */
#include "base/text.h"
#include "intake.h"
#include "intake/child.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 256 * 1024 }; /* stays in the second-level cache between reading, hashing and writing */

static const char *kind_name(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a folder";
    case S_IFLNK:
        return "a symbolic link";
    case S_IFIFO:
        return "a pipe";
    case S_IFSOCK:
        return "a socket";
    case S_IFCHR:
    case S_IFBLK:
        return "a device";
    default:
        return "not a regular file";
    }
}

static enum rc too_large(uint64_t max_bytes, struct err *e)
{
    if (max_bytes % (1 << 20) == 0) {
        return err_set(e, ERR_FILE_SIZE, "File too large. Maximum size: %lluMB", (unsigned long long)(max_bytes >> 20));
    }
    return err_set(e, ERR_FILE_SIZE, "File too large. Maximum size: %llu bytes", (unsigned long long)max_bytes);
}

/* Copies from offset 0 to the end, or to one byte beyond max. The size of fstat is only a hint: files grow. */
static enum rc copy_and_hash(int from, int to, uint64_t max_bytes, struct intake_file *out, struct err *e)
{
    struct sha256 hash;
    sha256_begin(&hash);
    unsigned char *part = mem_aligned(COPY_BYTES, e);
    if (!part) {
        return RC_FAILED;
    }
    enum rc rc = RC_OK;
    uint64_t done = 0;
    for (;;) {
        ssize_t n = pread(from, part, COPY_BYTES, (off_t)done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            rc = err_sys(e, ERR_FILE_OPEN, errno, "Cannot read the file");
        } else if (n > 0 && (uint64_t)n > max_bytes - done) {
            rc = too_large(max_bytes, e);
        } else if (n > 0) {
            sha256_add(&hash, part, (size_t)n);
            rc = fd_write_all(to, part, (size_t)n, e);
            done += (uint64_t)n;
        }
        if (n <= 0 || rc != RC_OK) {
            break;
        }
    }
    mem_free(part);
    if (rc == RC_OK && done == 0) {
        rc = err_set(e, ERR_FILE_EMPTY, "The file is empty");
    }
    if (rc == RC_OK) {
        sha256_end_hex(&hash, out->sha256);
        out->size_bytes = done;
    }
    return rc;
}

static enum rc take_in(int from, uint64_t max_bytes, struct intake_file *out, struct err *e)
{
    struct stat st;
    if (fstat(from, &st) != 0) {
        return err_sys(e, ERR_FILE_OPEN, errno, "Cannot open file");
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(e, ERR_FILE_KIND, "Not a regular file: it is %s", kind_name(st.st_mode));
    }
    if (st.st_size > 0 && (uint64_t)st.st_size > max_bytes) {
        return too_large(max_bytes, e);
    }
    struct intake_file f = {.fd = child_memfd("clinic-intake", e)};
    if (f.fd < 0) {
        return RC_FAILED;
    }
    enum rc rc = copy_and_hash(from, f.fd, max_bytes, &f, e);
    if (rc != RC_OK) {
        goto done;
    }
    if (fcntl(f.fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
        rc = err_sys(e, ERR_INTERNAL, errno, "memory file cannot be sealed");
        goto done;
    }
    void *data = mmap(NULL, (size_t)f.size_bytes, PROT_READ, MAP_SHARED, f.fd, 0);
    if (data == MAP_FAILED) {
        rc = err_sys(e, ERR_MEMORY, errno, "file of %llu bytes", (unsigned long long)f.size_bytes);
        goto done;
    }
    f.data = data;
    f.format = image_sniff(f.data, (size_t)f.size_bytes);
    *out = f;
done:
    if (rc != RC_OK) {
        close(f.fd);
    }
    return rc;
}

bool intake_extension_fits(const char *path, enum image_format format)
{
    static const struct {
        enum image_format format;
        const char *ext;
    } rows[] = {{IMAGE_PNG, "png"},  {IMAGE_JPEG, "jpg"},  {IMAGE_JPEG, "jpeg"},
                {IMAGE_JPEG, "jpe"}, {IMAGE_JPEG, "jfif"}, {IMAGE_JPEG, "jif"}};
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        if (rows[i].format == format && str_eq_case(rows[i].ext, path_ext(path))) {
            return true;
        }
    }
    return false;
}

/* Descriptor of a regular file, or negative with e set. `missing` is the error of a name that leads nowhere. */
static int open_regular(const char *path, enum err_code missing, struct err *e)
{
    const char *label = missing == ERR_MODEL_MISSING ? "Model file not found at" : "Cannot open file:";
    if (path[0] == '\0') {
        (void)err_set(e, missing, "%s an empty name", label);
        return -1;
    }
    /* Asked by name first, because merely opening a device can do something. */
    struct stat st;
    if (lstat(path, &st) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) {
            (void)(missing == ERR_MODEL_MISSING ? err_set(e, missing, "%s %s", label, path)
                                                : err_set(e, missing, "%s no file named %s", label, path));
        } else {
            (void)err_sys(e, errno == ELOOP ? ERR_FILE_KIND : ERR_FILE_OPEN, errno, "Cannot open file");
        }
        return -1;
    }
    if (!S_ISREG(st.st_mode)) {
        (void)err_set(e, ERR_FILE_KIND, "Not a regular file: %s is %s", path_base(path), kind_name(st.st_mode));
        return -1;
    }
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        (void)err_sys(e, errno == ELOOP ? ERR_FILE_KIND : ERR_FILE_OPEN, errno, "Cannot open file");
    }
    return fd;
}

static enum rc open_and_take(const char *path, enum err_code missing, uint64_t max_bytes, struct intake_file *out,
                             struct err *e)
{
    *out = (struct intake_file){.fd = -1};
    struct err first = {.rc = RC_OK};
    int fd = open_regular(path, missing, &first);
    if (fd < 0) {
        if (e && e->rc == RC_OK) {
            *e = first;
        }
        return first.rc;
    }
    enum rc rc = take_in(fd, max_bytes, out, e);
    close(fd);
    return rc;
}

enum rc intake_open(const char *path, uint64_t max_bytes, struct intake_file *out, struct err *e)
{
    enum rc rc = open_and_take(path, ERR_FILE_OPEN, max_bytes, out, e);
    if (rc == RC_OK && out->format != IMAGE_UNKNOWN) {
        out->extension_differs = !intake_extension_fits(path, out->format);
    }
    return rc;
}

enum rc intake_open_network(const char *path, uint64_t max_bytes, struct intake_file *out, struct err *e)
{
    return open_and_take(path, ERR_MODEL_MISSING, max_bytes, out, e);
}

enum rc intake_from_fd(int fd, uint64_t max_bytes, struct intake_file *out, struct err *e)
{
    *out = (struct intake_file){.fd = -1};
    return take_in(fd, max_bytes, out, e);
}

void intake_close(struct intake_file *f)
{
    if (f->data) {
        munmap((void *)(uintptr_t)f->data, (size_t)f->size_bytes);
    }
    if (f->fd >= 0 && f->size_bytes > 0) {
        close(f->fd);
    }
    *f = (struct intake_file){.fd = -1};
}

enum rc intake_require_image(const struct intake_file *f, struct err *e)
{
    if (f->format == IMAGE_UNKNOWN) {
        return err_set(e, ERR_FILE_TYPE, "Invalid file type. Please upload a PNG, JPG, or JPEG image.");
    }
    return RC_OK;
}
