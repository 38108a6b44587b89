#include "records.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

json_t *record_usual(void)
{
    json_t *r = json_pack(
        "{s:{s:i,s:i,s:s,s:f,s:f,s:f,s:b,s:s,s:f,s:b,s:b,s:b,s:s},s:{s:i,s:s,s:s,s:i,s:i,s:i,s:s},"
        "s:{s:i,s:s,s:s,s:i},s:{s:f,s:f},s:[s,s],s:{s:s,s:s,s:s},s:s,s:s,s:s,s:s}",
        "result", "id", 871, "xray_image", 12, "predicted_class", "PNEUMONIA", "confidence", 87.0, "raw_score", 0.87,
        "threshold", 0.5, "positive", 1, "created_at", "2026-03-02T10:14:00Z", "processing_time", 0.04, "reviewed", 1,
        "released", 0, "voided", 0, "notes", "Cough for two weeks.\nFever since Sunday.", "image", "id", 12, "name",
        "film.jpg", "uploaded_at", "2026-03-02T10:13:58Z", "file_size", 81234, "width", 1024, "height", 900, "format",
        "jpeg", "patient", "id", 123, "name", "OKELLO Grace", "sex", "F", "age", 34, "scores", "NORMAL", 0.13,
        "PNEUMONIA", 0.87, "recommendations", "Clinical correlation advised.", "Consider a follow-up film.", "model",
        "id", "chest-pneumonia", "version", "1.0.0", "sha256",
        "53a1c0ffee53a1c0ffee53a1c0ffee53a1c0ffee53a1c0ffee53a1c0ffee5a17", "passport_line",
        "sensitivity 0.967 [0.943, 0.981] of 624 films on the open test set.", "disclaimer",
        "Research and education. Not a medical device. A qualified person decides; the computer advises.", "site_name",
        "St. Mary's clinic", "made_at", "2026-03-02T10:20:00Z");
    assert_non_null(r);
    json_t *review = json_pack("{s:i,s:b,s:n,s:s,s:s,s:s}", "id", 1, "agree", 1, "own_class", "note",
                               "Right lower zone.", "at", "2026-03-02T10:18:00Z", "by", "dr.mutesi");
    assert_non_null(review);
    record_set(r, NULL, "reviews", json_pack("[O]", review));
    record_set(r, NULL, "review", review);
    record_set(r, NULL, "void", json_null());
    return r;
}

void record_set(json_t *record, const char *object, const char *name, json_t *owned)
{
    assert_non_null(owned);
    assert_int_equal(json_object_set_new(object ? json_object_get(record, object) : record, name, owned), 0);
}

void picture_noise(struct image *im, int32_t w, int32_t h, int32_t channels, int32_t bits)
{
    *im = (struct image){.width_px = w,
                         .height_px = h,
                         .channels = channels,
                         .bits = bits,
                         .source_bits = bits,
                         .format = IMAGE_PNG,
                         .orientation = 1};
    im->u8 = im->owned = mem_aligned(image_bytes(im), NULL);
    assert_non_null(im->owned);
    uint32_t x = 2463534242u;
    for (size_t i = 0; i < image_bytes(im); i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        im->u8[i] = (uint8_t)(x >> 24);
    }
}
