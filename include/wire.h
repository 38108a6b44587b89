/* How a face reaches the station: a call in this process, or a Unix socket to `clinic serve` with the same table. */
#ifndef CLINIC_WIRE_H
#define CLINIC_WIRE_H

#include "station.h"

struct wire;
struct wire_options {
    const char *socket; /* NULL: $CLINIC_SOCKET when set, else in-process */
    struct station_options station;
};
enum rc wire_open(const struct wire_options *o, struct wire **out, struct err *e) MUST_USE;
void wire_close(struct wire *w);
/* Same meaning as station_call; thread-safe (one request at a time per socket; in-process calls run side by side). */
enum rc wire_call(struct wire *w, const struct station_request *q, struct station_answer *a, struct err *e) MUST_USE;
bool wire_is_local(const struct wire *w);

/* Server loop until *stop; peer credentials checked (same user or group, see README of the room); one thread per
 * session, at most max_sessions. Socket 0660. */
struct serve_options {
    const char *socket;
    int max_sessions;
    struct station_options station;
};
enum rc wire_serve(const struct serve_options *o, const volatile bool *stop, struct err *e) MUST_USE;
/* JSON lines: {"id","op","args","token"?} -> {"id","ok","result"} or {"id","ok":false,"error":{"code","detail"}}; one
 * line per request, at most 32 MiB. session.sign_in sets the session of the following lines. Used by `clinic api` and
 * by the socket. */
enum rc wire_api(struct wire *w, int in_fd, int out_fd, struct err *e) MUST_USE;
/* {"error": title, "detail": advice or reason, "code": "E101", "message"} */
json_t *wire_error_json(const struct err *e);

#endif
