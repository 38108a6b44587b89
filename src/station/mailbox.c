/* The sender of the outbox: claims what is due, hands it to the mail server, notes what became of it. Claim and
 * settlement are short transactions of their own; nothing is held while the server is spoken to. */
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "mail.h"
#include "station/records.h"

#include <string.h>
#include <time.h>

enum { LEASE_EXTRA_MS = 60 * 1000, SETTLE_TRIES = 5, NAP_MAX_MS = 30 * 1000 };

struct mailbox {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool woken;
    volatile bool stop;
    struct station *st;
};

/* A demo without a mail server keeps its letters in a folder, where they can be looked at. */
static enum mail_outcome keep_in_folder(const struct records *r, const struct store_mail *m, char *reply, size_t cap,
                                        struct err *e)
{
    char folder[4096], path[4096], name[48];
    str_format(name, sizeof(name), "%06lld.eml", (long long)m->id);
    if (path_join(folder, sizeof(folder), store_home(r->store), "mail", e) || path_make_dirs(folder, 0700, e) ||
        path_join(path, sizeof(path), folder, name, e) || file_write_atomic(path, m->message, m->message_n, 0600, e))
        return MAIL_RETRY;
    str_format(reply, cap, "kept in the station's mail folder as %s", name);
    return MAIL_SENT;
}

static enum mail_outcome deliver(const struct conf *conf, const struct records *r, const struct store_mail *m,
                                 const volatile bool *cancel, char *reply, size_t cap, struct err *e)
{
    struct mail_server server;
    if (!conf_text(conf, CONF_ID_smtp_host)[0])
        return keep_in_folder(r, m, reply, cap, e);
    mail_server_from_conf(conf, &server);
    return mail_send(&server, m->from, m->to, m->message, m->message_n, cancel, reply, cap, e);
}

/* What became of it must not be lost because somebody else is writing: tried again, and else the lease runs out as
 * unknown. */
static enum rc settle(struct records *r, const struct store_mail *m, enum store_mail_state state, const char *words,
                      struct err *e)
{
    char subject[40];
    enum rc rc = RC_BUSY;
    str_format(subject, sizeof(subject), "mail %lld", (long long)m->id);
    for (int i = 0; rc == RC_BUSY && i < SETTLE_TRIES; i++) {
        struct store_tx *tx = NULL;
        struct err why = {0};
        int64_t now = clock_wall_ms();
        rc = store_begin(r->store, STORE_WRITE, &tx, &why);
        if (!rc)
            rc = store_mail_settle(tx, m, state, words, now + store_mail_backoff_ms(m->attempts), now, &why);
        if (!rc)
            rc = store_audit_add(tx, now, 0, "mail.flush", subject, store_mail_state_name(state), &why);
        if (rc)
            store_rollback(tx);
        else
            rc = store_commit(tx, &why);
        if (rc && (rc != RC_BUSY || i == SETTLE_TRIES - 1))
            err_set(e, why.code, "%s", why.msg);
    }
    return rc;
}

static enum rc send_one(struct records *r, const struct conf *conf, const struct store_mail *m,
                        const volatile bool *cancel, struct mailbox_counts *n, struct err *e)
{
    char reply[240] = "";
    struct err why = {0};
    enum store_mail_state state = STORE_MAIL_UNKNOWN;
    switch (deliver(conf, r, m, cancel, reply, sizeof(reply), &why)) {
    case MAIL_SENT:
        state = STORE_MAIL_SENT;
        n->sent++;
        break;
    case MAIL_RETRY:
        state = m->attempts >= conf_int(conf, CONF_ID_mail_retry_max) ? STORE_MAIL_DEAD : STORE_MAIL_RETRY;
        *(state == STORE_MAIL_DEAD ? &n->dead : &n->retry) += 1;
        break;
    case MAIL_DEAD:
        state = STORE_MAIL_DEAD;
        n->dead++;
        break;
    case MAIL_UNKNOWN:
        n->unknown++;
        break;
    }
    log_line(state == STORE_MAIL_SENT ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "mail", "message %lld: %s, attempt %lld",
             (long long)m->id, store_mail_state_name(state), (long long)m->attempts);
    return settle(r, m, state, reply[0] ? reply : why.msg, e);
}

/* A look first: whoever only wants to know whether something is due must not wait for writers. */
static enum rc claim(struct records *r, const struct conf *conf, struct store_mail *m, struct err *e)
{
    struct store_tx *tx = NULL;
    int64_t at = INT64_MAX, now = clock_wall_ms();
    int64_t lease_ms = conf_int(conf, CONF_ID_smtp_timeout_s) * 1000 * MAIL_STEPS + LEASE_EXTRA_MS;
    *m = (struct store_mail){0};
    enum rc rc = store_begin(r->store, STORE_READ, &tx, e);
    if (!rc)
        rc = store_mail_next(tx, &at, e);
    store_rollback(tx);
    tx = NULL;
    if (rc || at > now)
        return rc;
    rc = store_begin(r->store, STORE_WRITE, &tx, e);
    if (!rc)
        rc = store_mail_claim(tx, now, lease_ms, MAIL_MS_PER_KIB, m, e);
    if (rc) {
        store_rollback(tx);
        return rc;
    }
    rc = store_commit(tx, e);
    if (rc)
        store_mail_fini(m);
    return rc;
}

enum rc mailbox_flush(struct station *st, const volatile bool *cancel, struct mailbox_counts *out, struct err *e)
{
    const struct conf *conf = NULL;
    struct records *r = NULL;
    enum rc rc = station_conf(st, &conf, e);
    if (!rc)
        rc = records_open(st, &r, e);
    if (!rc && !r->demo && (!conf_text(conf, CONF_ID_smtp_host)[0] || !conf_text(conf, CONF_ID_smtp_from)[0]))
        return err_set(e, ERR_MAIL_SETUP, NULL);
    while (!rc && !(cancel && *cancel)) {
        struct store_mail m;
        rc = claim(r, conf, &m, e);
        if (rc || m.id == 0)
            break;
        rc = send_one(r, conf, &m, cancel, out, e);
        store_mail_fini(&m);
    }
    return rc;
}

/* Until something is due, somebody queued something, or half a minute: other programs queue, too. */
static void nap(struct mailbox *b)
{
    struct timespec until;
    struct store_tx *tx = NULL;
    int64_t at = INT64_MAX, wait = NAP_MAX_MS;
    if (store_begin(b->st->records->store, STORE_READ, &tx, NULL) == RC_OK && store_mail_next(tx, &at, NULL) == RC_OK &&
        at - clock_wall_ms() < wait)
        wait = at - clock_wall_ms() > 200 ? at - clock_wall_ms() : 200;
    store_rollback(tx);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait / 1000);
    until.tv_nsec += (long)(wait % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&b->lock);
    while (!b->stop && !b->woken && pthread_cond_timedwait(&b->wake, &b->lock, &until) == 0)
        continue;
    b->woken = false;
    pthread_mutex_unlock(&b->lock);
}

static void *mailbox_main(void *arg)
{
    struct mailbox *b = arg;
    while (!b->stop) {
        struct mailbox_counts n = {0};
        struct err why = {0};
        if (mailbox_flush(b->st, &b->stop, &n, &why) && why.code != ERR_MAIL_SETUP)
            log_line(LOG_LEVEL_WARN, "mail", "%s", why.msg);
        nap(b);
    }
    return NULL;
}

enum rc mailbox_start(struct station *st, struct err *e)
{
    struct records *r = NULL;
    struct err why = {0};
    /* Without a station there is nothing to send; the first call that needs one tells what is wrong. */
    if (st->opt.read_only || records_open(st, &r, &why) || r->mailbox)
        return RC_OK;
    struct mailbox *b = mem_zalloc(1, sizeof(*b), e);
    if (!b)
        return RC_FAILED;
    b->st = st;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->wake, &attr);
    pthread_condattr_destroy(&attr);
    r->mailbox = b;
    if (pthread_create(&b->thread, NULL, mailbox_main, b)) {
        r->mailbox = NULL;
        pthread_cond_destroy(&b->wake);
        pthread_mutex_destroy(&b->lock);
        mem_free(b);
        return err_set(e, ERR_MEMORY, "no thread for the mail");
    }
    return RC_OK;
}

static void rouse(struct mailbox *b, bool stop)
{
    pthread_mutex_lock(&b->lock);
    b->stop = b->stop || stop;
    b->woken = true;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
}

void mailbox_wake(struct station *st)
{
    if (st->records && st->records->mailbox)
        rouse(st->records->mailbox, false);
}

void mailbox_stop(struct station *st)
{
    struct mailbox *b = st->records ? st->records->mailbox : NULL;
    if (!b)
        return;
    rouse(b, true);
    pthread_join(b->thread, NULL);
    pthread_cond_destroy(&b->wake);
    pthread_mutex_destroy(&b->lock);
    mem_free(b);
    st->records->mailbox = NULL;
}
