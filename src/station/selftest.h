/* Pieces of the self-test that other families use. */
#ifndef CLINIC_STATION_SELFTEST_H
#define CLINIC_STATION_SELFTEST_H

#include "station/core.h"

/* Golden vectors of one network: {"id", "passed", "cases", "max_difference"}, owned. */
enum rc models_test_one(struct station *st, const char *model, json_t **out, struct err *e) MUST_USE;
/* The synthetic sample pictures, beside the folder of the networks. */
enum rc samples_dir(char *dst, size_t cap, struct err *e) MUST_USE;

#endif
