/* Which program this is. */
#include "base/text.h"
#include "nn.h"
#include "station/core.h"

#include <sys/utsname.h>

enum rc op_version(struct op_call *c, struct err *e)
{
    json_t *o = json_pack("{s:s}", "version", CLINIC_VERSION);
    if (o && arg_bool(c, "full", false)) {
        struct utsname os = {0};
        uname(&os);
        json_object_set_new(o, "compiler", json_string(__VERSION__));
        json_object_set_new(o, "jansson", json_string(JANSSON_VERSION));
        json_object_set_new(o, "isa", json_string(nn_isa_name(nn_isa_best())));
        json_object_set_new(o, "system", json_sprintf("%s %s %s", os.sysname, os.release, os.machine));
        size_t n;
        station_ops(&n);
        json_object_set_new(o, "operations", json_integer((json_int_t)n));
    }
    return answer_set(c, o, e);
}
