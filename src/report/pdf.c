/* A result as a sheet that a clinic hands out. Linked into the module "pdf" only. */
#include "report/pdf.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include "report/field.h"
#include "report/pdf_sheet.h"
#include <cairo-pdf.h>
#include <math.h>
#include <string.h>

enum {
    PICTURE_BYTES_MAX = 100 * 1000,
    LINE_CAP = 4400,
};
#define PICTURE_SIDE 238.0
#define GAP 20.0
#define FINDING_X (MARGIN + PICTURE_SIDE + GAP)
#define FINDING_WIDTH (TEXT_WIDTH - PICTURE_SIDE - GAP)
#define SCORE_LABEL_WIDTH 170.0
#define SCORE_BAR_WIDTH 260.0

/* A picture as it will be embedded: JPEG bytes and their size; 230 dots an inch on paper. */
struct figure {
    cairo_surface_t *surface;
    double width_px, height_px;
};

static cairo_status_t to_buf(void *ctx, const unsigned char *bytes, unsigned n)
{
    struct buf *out = ctx;
    buf_add(out, (const char *)bytes, n);
    return out->failed ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

static void jpeg_release(void *bytes)
{
    mem_free(bytes);
}

static enum rc figure_init(struct figure *f, const struct image *picture, struct err *e)
{
    static const int qualities[] = {88, 80, 70, 58, 45, 30};
    struct image small = {0};
    struct buf jpeg = {0};
    *f = (struct figure){0};
    if (!picture)
        return RC_OK;
    enum rc rc = report_picture(picture, REPORT_PICTURE_SIDE_PX, &small, e);
    for (size_t i = 0; !rc && i < ARRAY_N(qualities) && (i == 0 || jpeg.len > PICTURE_BYTES_MAX); i++) {
        buf_free(&jpeg);
        jpeg = (struct buf){0};
        rc = image_write_jpeg(&small, qualities[i], &jpeg, e);
    }
    if (rc)
        goto done;
    /* The surface's own pixels are never looked at: the JPEG bytes go into the file as they are. */
    f->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, small.width_px, small.height_px);
    f->width_px = small.width_px;
    f->height_px = small.height_px;
    if (cairo_surface_set_mime_data(f->surface, CAIRO_MIME_TYPE_JPEG, (unsigned char *)jpeg.data, jpeg.len,
                                    jpeg_release, jpeg.data) != CAIRO_STATUS_SUCCESS)
        rc = err_set(e, ERR_REPORT, "The picture of the report could not be placed");
    else
        jpeg = (struct buf){0}; /* the surface's now */
done:
    buf_free(&jpeg);
    image_fini(&small);
    return rc;
}

static void figure_fini(struct figure *f)
{
    if (f->surface)
        cairo_surface_destroy(f->surface);
}

/* Height on the page, 0 without a picture. */
static double figure_draw(struct pdf_sheet *s, const struct figure *f)
{
    if (!f->surface)
        return 0;
    double scale = fmin(PICTURE_SIDE / f->width_px, PICTURE_SIDE / f->height_px);
    double x = MARGIN + (PICTURE_SIDE - f->width_px * scale) / 2;
    if (!s->dry) {
        cairo_save(s->cr);
        cairo_translate(s->cr, x, s->y);
        cairo_scale(s->cr, scale, scale);
        cairo_set_source_surface(s->cr, f->surface, 0, 0);
        cairo_paint(s->cr);
        cairo_restore(s->cr);
    }
    return f->height_px * scale;
}

static void about(struct pdf_sheet *s, json_t *record)
{
    json_t *result = json_object_get(record, "result"), *image = json_object_get(record, "image");
    char text[LINE_CAP], when[64];
    pdf_row(s, "Patient", *field_patient_name(record) ? field_patient_name(record) : "not named");
    field_patient_facts(record, text, sizeof text);
    pdf_row(s, "", text);
    field_time(image, "uploaded_at", when, sizeof when);
    str_format(text, sizeof text, "%s%s%s", field_text(image, "name"), *when ? ", stored " : "", when);
    pdf_row(s, "Picture", text);
    field_time(result, "created_at", text, sizeof text);
    pdf_row(s, "Analysed", text);
}

/* Class, confidence, score against its operating point; returns the height. */
static double finding(struct pdf_sheet *s, json_t *record)
{
    json_t *result = json_object_get(record, "result");
    enum pdf_ink ink = field_positive(record) ? INK_ALARM : INK_CALM;
    double confidence = field_number(result, "confidence"), y = s->y;
    char text[160];
    y += pdf_text(s, STYLE_LABEL, INK_GREY, FINDING_X, y, FINDING_WIDTH, false,
                  field_positive(record) ? "Finding of the network: positive" : "Finding of the network") +
         2;
    y += pdf_text(s, STYLE_FINDING, ink, FINDING_X, y, FINDING_WIDTH, false, field_text(result, "predicted_class"));
    y += 8;
    str_format(text, sizeof text, "Confidence %.1f %%", confidence);
    y += pdf_text(s, STYLE_SECTION, INK_BLACK, FINDING_X, y, FINDING_WIDTH, false, text) + 4;
    pdf_bar(s, FINDING_X, y, FINDING_WIDTH, 11, confidence / 100, -1, ink);
    y += 24;
    if (json_is_number(json_object_get(result, "threshold"))) {
        double score = field_number(result, "raw_score"), threshold = field_number(result, "threshold");
        str_format(text, sizeof text, "Score %.3f, operating point %.3f", score, threshold);
        y += pdf_text(s, STYLE_BODY, INK_BLACK, FINDING_X, y, FINDING_WIDTH, false, text) + 5;
        pdf_bar(s, FINDING_X, y, FINDING_WIDTH, 6, score, threshold, ink);
        y += 11;
        y += pdf_text(s, STYLE_SMALL, INK_GREY, FINDING_X, y, FINDING_WIDTH, false,
                      "The mark is the operating point: a score at or beyond it is positive.") +
             4;
    } else {
        str_format(text, sizeof text, "The highest of %zu scores; this network has no operating point.",
                   json_object_size(json_object_get(record, "scores")));
        y += pdf_text(s, STYLE_BODY, INK_BLACK, FINDING_X, y, FINDING_WIDTH, false, text) + 4;
    }
    return y - s->y;
}

static void scores(struct pdf_sheet *s, json_t *all)
{
    const char *name;
    json_t *score;
    if (json_object_size(all) == 0)
        return;
    pdf_section(s, "Scores of all classes");
    json_object_foreach(all, name, score)
    {
        char number[24], label[128];
        double share = json_number_value(score);
        pdf_need(s, 15);
        text_fit(label, sizeof label, name, 40);
        double height = pdf_text(s, STYLE_BODY, INK_BLACK, MARGIN, s->y, SCORE_LABEL_WIDTH, false, label);
        pdf_bar(s, MARGIN + SCORE_LABEL_WIDTH, s->y + 1.5, SCORE_BAR_WIDTH, 8, share, -1, INK_CALM);
        str_format(number, sizeof number, "%.1f %%", 100 * share);
        pdf_text(s, STYLE_BODY, INK_BLACK, MARGIN + SCORE_LABEL_WIDTH + SCORE_BAR_WIDTH, s->y,
                 TEXT_WIDTH - SCORE_LABEL_WIDTH - SCORE_BAR_WIDTH, true, number);
        s->y += fmax(height, 11) + 3;
    }
}

static void network(struct pdf_sheet *s, json_t *record)
{
    json_t *model = json_object_get(record, "model"), *advice = json_object_get(record, "recommendations"), *line;
    char text[LINE_CAP];
    size_t i;
    pdf_section(s, "How the finding was made");
    str_format(text, sizeof text, "%s, version %s", field_text(model, "id"), field_text(model, "version"));
    pdf_row(s, "Network", text);
    pdf_row(s, "SHA-256", field_text(model, "sha256"));
    pdf_row(s, "Measured", field_text(record, "passport_line"));
    if (json_array_size(advice) > 0)
        pdf_section(s, "Advice");
    json_array_foreach(advice, i, line)
    {
        str_format(text, sizeof text, "\xe2\x80\xa2 %s", json_string_value(line) ? json_string_value(line) : "");
        pdf_flow(s, STYLE_BODY, INK_BLACK, MARGIN, TEXT_WIDTH, text);
        s->y += 2;
    }
}

static void notes(struct pdf_sheet *s, const char *text)
{
    if (!*text)
        return;
    pdf_section(s, "Notes of the examination");
    s->prose = true;
    pdf_flow(s, STYLE_BODY, INK_BLACK, MARGIN, TEXT_WIDTH, text);
    s->prose = false;
}

/* "Reader" with a line to write on. */
static void signature(struct pdf_sheet *s, double x, double width, const char *label, const char *name)
{
    pdf_text(s, STYLE_BODY, INK_BLACK, x, s->y + 8, width, false, name);
    pdf_line(s, x, s->y + 22, width);
    pdf_text(s, STYLE_SMALL, INK_GREY, x, s->y + 24, width, false, label);
}

static void reading(struct pdf_sheet *s, json_t *record)
{
    json_t *reviews = json_object_get(record, "reviews"), *review = json_object_get(record, "review");
    json_t *ended = json_object_get(record, "void");
    size_t n = json_array_size(reviews);
    char text[LINE_CAP], when[64];
    pdf_section(s, "Reading by a person");
    if (!json_is_object(review))
        pdf_row(s, "Reader", "Not yet read by a person.");
    for (size_t i = 0; i < (n ? n : json_is_object(review)); i++) {
        json_t *one = n ? json_array_get(reviews, i) : review, *own = json_pack("{s:O}", "review", one);
        char verdict[256];
        if (own)
            field_review(own, verdict, sizeof verdict);
        else
            str_copy(verdict, sizeof verdict, "");
        json_decref(own);
        field_time(one, json_object_get(one, "at") ? "at" : "created_at", when, sizeof when);
        str_format(text, sizeof text, "%s%s%s, %s", field_text(one, "by"), *field_text(one, "by") ? " " : "", verdict,
                   when);
        pdf_row(s, i == 0 ? "Reader" : "Before", text);
        s->prose = true;
        pdf_row(s, "Note", field_text(one, "note"));
        s->prose = false;
    }
    if (json_is_object(ended)) {
        field_time(ended, "at", when, sizeof when);
        str_format(text, sizeof text, "%s%s%s. %s", when, *field_text(ended, "by") ? " by " : "",
                   field_text(ended, "by"), field_text(ended, "reason"));
        pdf_row(s, "Void since", text);
    }
    pdf_need(s, 44);
    signature(s, MARGIN, 190, "Reader, name in full", "");
    signature(s, MARGIN + 205, 110, "Date", "");
    signature(s, MARGIN + 330, TEXT_WIDTH - 330, "Signature", "");
    s->y += 40;
}

static void one_result(struct pdf_sheet *s, json_t *record, const struct figure *f)
{
    s->site = field_text(record, "site_name");
    s->notice = field_text(record, "disclaimer");
    s->voided = field_voided(record);
    str_format(s->title, sizeof s->title, "Result %06lld%s",
               (long long)json_integer_value(json_object_get(json_object_get(record, "result"), "id")),
               s->voided ? " (VOID)" : "");
    char made[40];
    field_time(record, "made_at", made, sizeof made);
    s->made = made;
    pdf_page_begin(s, true);
    about(s, record);
    s->y += 6;
    pdf_need(s, f->surface ? fmin(PICTURE_SIDE, PICTURE_SIDE / f->width_px * f->height_px) : 110);
    double picture = figure_draw(s, f), words = finding(s, record);
    s->y += fmax(picture, words) + 4;
    scores(s, json_object_get(record, "scores"));
    network(s, record);
    notes(s, field_text(json_object_get(record, "result"), "notes"));
    reading(s, record);
    pdf_page_end(s);
    s->made = "";
}

static void describe(cairo_surface_t *surface, json_t *record, size_t n)
{
    char title[80];
    if (n == 1)
        str_format(title, sizeof title, "Result %06lld",
                   (long long)json_integer_value(json_object_get(json_object_get(record, "result"), "id")));
    else
        str_format(title, sizeof title, "%zu results", n);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, title);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_AUTHOR, field_text(record, "site_name"));
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATOR, "clinic");
    if (*field_text(record, "made_at"))
        cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, field_text(record, "made_at"));
}

static void draw(struct pdf_sheet *s, json_t *const *record, const struct figure *figure, size_t n)
{
    for (int pass = 0; pass < 2; pass++) {
        s->dry = pass == 0;
        s->pages = s->page;
        s->page = 0;
        for (size_t i = 0; i < n; i++)
            one_result(s, record[i], &figure[i]);
    }
}

static enum rc cairo_check(cairo_status_t status, struct err *e)
{
    if (status == CAIRO_STATUS_SUCCESS)
        return RC_OK;
    return err_set(e, status == CAIRO_STATUS_NO_MEMORY ? ERR_MEMORY : ERR_REPORT, "The PDF could not be drawn: %s",
                   cairo_status_to_string(status));
}

/* The plain PDF. */
static enum rc make(json_t *const *record, const struct figure *figure, size_t n, struct buf *out, struct err *e)
{
    struct pdf_sheet s = {0};
    cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(to_buf, out, PAGE_WIDTH, PAGE_HEIGHT);
    cairo_pdf_surface_restrict_to_version(surface, CAIRO_PDF_VERSION_1_5);
    describe(surface, record[0], n);
    cairo_t *cr = cairo_create(surface);
    enum rc rc = pdf_init(&s, cr, e);
    if (!rc) {
        draw(&s, record, figure, n);
        rc = cairo_check(cairo_status(cr), e);
    }
    pdf_fini(&s);
    cairo_destroy(cr);
    cairo_surface_finish(surface);
    if (!rc)
        rc = cairo_check(cairo_surface_status(surface), e);
    cairo_surface_destroy(surface);
    return rc ? rc : buf_check(out, e);
}

enum rc report_pdf_impl(json_t *const *record, const struct image *const *picture, size_t n, const char *passphrase,
                        struct buf *out, struct err *e)
{
    struct buf plain = {0};
    enum rc rc = RC_OK;
    struct figure *figure = mem_zalloc(n, sizeof *figure, e);
    if (!figure)
        return RC_FAILED;
    for (size_t i = 0; !rc && i < n; i++)
        rc = figure_init(&figure[i], picture ? picture[i] : NULL, e);
    if (!rc)
        rc = make(record, figure, n, &plain, e);
    if (!rc && passphrase)
        rc = pdf_lock(&plain, passphrase, out, e);
    else if (!rc)
        buf_add(out, plain.data, plain.len);
    if (passphrase && plain.data)
        secret_wipe(plain.data, plain.cap);
    buf_free(&plain);
    for (size_t i = 0; i < n; i++)
        figure_fini(&figure[i]);
    mem_free(figure);
    return rc ? rc : buf_check(out, e);
}
