#include "base/file.h"
#include "base/text.h"

#include <dlfcn.h>
#include <string.h>

/* dlopen counts: a second call finds the same library, so no list of open modules is needed here. */
void *module_symbol(const char *name, const char *symbol, struct err *e)
{
    char dir[4096], path[4096], file[80];
    if (strchr(name, '/') || !str_format(file, sizeof(file), "%s.so", name)) {
        err_set(e, ERR_INTERNAL, "not a module: %s", name);
        return NULL;
    }
    if (lib_dir(dir, sizeof(dir), e) || path_join(path, sizeof(path), dir, file, e))
        return NULL;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *reason = dlerror();
        err_set(e, ERR_INTERNAL, "cannot load module %s: %s", name, reason ? reason : "unknown reason");
        return NULL;
    }
    void *found = dlsym(handle, symbol);
    if (!found)
        err_set(e, ERR_INTERNAL, "module %s has no entry %s", name, symbol);
    return found;
}
