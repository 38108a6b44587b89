/* Passwords: rules and bcrypt through libcrypt. */
#include "auth.h"
#include "base/text.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

enum { COST = 12, COST_LEAST = 4, PASSWORD_MIN_CHARACTERS = 8, PASSWORD_MAX_BYTES = 72 };

enum rc auth_password_check(const char *password, struct err *e)
{
    size_t n = strlen(password), characters = 0;
    if (!utf8_valid(password, n))
        return err_set(e, ERR_PASSWORD_RULE, "the password is not valid UTF-8");
    for (size_t i = 0; i < n; i++) {
        characters += ((unsigned char)password[i] & 0xC0) != 0x80;
        if ((unsigned char)password[i] < 0x20 || password[i] == 0x7F)
            return err_set(e, ERR_PASSWORD_RULE, "the password holds a control character");
    }
    if (characters < PASSWORD_MIN_CHARACTERS)
        return err_set(e, ERR_PASSWORD_RULE, "the password has %zu characters, expected at least %d", characters,
                       PASSWORD_MIN_CHARACTERS);
    if (n > PASSWORD_MAX_BYTES)
        return err_set(e, ERR_PASSWORD_RULE, "the password has %zu bytes, expected at most %d", n, PASSWORD_MAX_BYTES);
    return RC_OK;
}

/* A cheaper hash is for tests only: those run with a frozen clock. */
static unsigned long cost(void)
{
    const char *clock = secure_getenv("CLINIC_CLOCK"), *wanted = secure_getenv("CLINIC_BCRYPT_COST");
    int64_t v;
    if (clock && *clock && wanted && str_to_i64(wanted, COST_LEAST, COST, &v))
        return (unsigned long)v;
    return COST;
}

static bool hash_with(const char *password, const char *setting, char hash[AUTH_HASH_CAP], struct err *e)
{
    struct crypt_data *scratch = mem_zalloc(1, sizeof(*scratch), e);
    if (!scratch)
        return false;
    const char *out = crypt_r(password, setting, scratch);
    bool ok = out && out[0] == '$' && str_copy(hash, AUTH_HASH_CAP, out);
    secret_wipe(scratch, sizeof(*scratch));
    mem_free(scratch);
    if (!ok)
        err_set(e, ERR_INTERNAL, "the password could not be hashed");
    return ok;
}

static bool new_setting(char setting[CRYPT_GENSALT_OUTPUT_SIZE])
{
    char salt[16];
    secret_random(salt, sizeof(salt));
    return crypt_gensalt_rn("$2b$", cost(), salt, sizeof(salt), setting, CRYPT_GENSALT_OUTPUT_SIZE) != NULL;
}

enum rc auth_password_hash(const char *password, char hash[AUTH_HASH_CAP], struct err *e)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    enum rc rc = auth_password_check(password, e);
    if (rc)
        return rc;
    if (!new_setting(setting))
        return err_set(e, ERR_INTERNAL, "no salt for a password");
    return hash_with(password, setting, hash, e) ? RC_OK : RC_FAILED;
}

bool auth_password_verify(const char *password, const char *hash)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE], again[AUTH_HASH_CAP];
    bool known = hash && str_starts(hash, "$2b$") && strlen(hash) == 60;
    /* Nobody's password: hashed all the same, so that the time taken does not tell that the name is unknown. */
    if (!known && !new_setting(setting))
        return false;
    if (!hash_with(password, known ? hash : setting, again, NULL))
        return false;
    bool same = known && strlen(again) == 60 && secret_equal(again, hash, 60);
    secret_wipe(again, sizeof(again));
    return same && strlen(password) <= PASSWORD_MAX_BYTES;
}

enum rc auth_username_check(const char *username, struct err *e)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@+";
    size_t n = strlen(username);
    if (n < 2 || n > 63)
        return err_set(e, ERR_VALUE, "the user name has %zu characters, expected 2 to 63", n);
    if (strspn(username, letters) != n || strchr("._-@+", username[0]))
        return err_set(e, ERR_VALUE, "a user name has letters, digits and . _ - @ + and begins with a letter or digit");
    return RC_OK;
}
