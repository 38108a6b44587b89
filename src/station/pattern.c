/* Input patterns p0 ... p3. */
#include "station/pattern.h"

#include "base/text.h"

static float noise(uint32_t i, uint32_t seed)
{
    uint32_t u = i * 2654435761u + seed;
    u ^= u >> 15;
    u *= 2246822519u;
    u ^= u >> 13;
    return (float)u / 4294967296.0f;
}

bool pattern_fill(const char *name, int32_t k, float *out, size_t n)
{
    uint32_t shift = 1000003u * (uint32_t)k;
    if (str_eq(name, "p0")) {
        for (size_t i = 0; i < n; i++)
            out[i] = noise((uint32_t)i, 12345u + shift);
    } else if (str_eq(name, "p1")) {
        for (size_t i = 0; i < n; i++)
            out[i] = (float)((i * 7 + 13 * (size_t)k) % 256) / 255.0f;
    } else if (str_eq(name, "p2")) {
        for (size_t i = 0; i < n; i++)
            out[i] = 2.0f * noise((uint32_t)i, 54321u + shift) - 1.0f;
    } else if (str_eq(name, "p3")) {
        for (size_t i = 0; i < n; i++)
            out[i] = 0.5f;
    } else {
        return false;
    }
    return true;
}
