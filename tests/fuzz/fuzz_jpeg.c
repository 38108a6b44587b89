/* The JPEG decoder as the cage calls it, EXIF and all; what it lets through also passes conversion and resizing. */
#include "fuzz_picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_picture(image_jpeg_decode, data, n);
}
