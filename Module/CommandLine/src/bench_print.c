/* The benchmark's tables for people, from its JSON. */
#include "bench.h"
#include <stdio.h>

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "";
}

static void print_machine(const json_t *result)
{
    const json_t *machine = json_object_get(result, "machine");
    const json_t *peak = json_object_get(result, "peak");
    printf("%s, %g of %g processors, kernels %s, %s\n", text(machine, "cpu"),
           number(machine, "threads"), number(machine, "processors"), text(machine, "kernels"),
           text(machine, "compiler"));
    printf("Peak: %.0f GFLOP/s single precision", number(peak, "fma_gflops"));
    if (!json_is_null(json_object_get(peak, "bf16_gflops"))) {
        printf(", %.0f bfloat16", number(peak, "bf16_gflops"));
    }
    printf("; copy %.1f GB/s (read + written)\n", number(peak, "copy_gb_s"));
}

static void print_click(const json_t *click)
{
    printf(
        "\nClick, %g slices of %g x %g, cold process, DICOM folder to %s: %.2f s, %.0f MB peak\n",
        number(click, "slices"), number(click, "size"), number(click, "size"),
        json_is_true(json_object_get(click, "seg_written")) ? "SEG on disk" : "mask (empty)",
        number(click, "seconds"), number(click, "peak_memory_bytes") / 1e6);
}

static void print_operators(const json_t *rows)
{
    size_t i;
    json_t *row;
    printf("\nOperators on plain tensors (packing included), one slice\n"
           "%-18s %-9s %-20s %8s %8s %6s\n",
           "operator", "", "input", "ms", "GFLOP/s", "peak");
    json_array_foreach(rows, i, row)
    {
        const json_t *input = json_object_get(row, "input");
        char shape[80];
        snprintf(shape, sizeof shape, "%g x %g x %g -> %g",
                 json_number_value(json_array_get(input, 1)),
                 json_number_value(json_array_get(input, 2)),
                 json_number_value(json_array_get(input, 3)), number(row, "out_channels"));
        printf("%-18s %-9s %-20s %8.3f", text(row, "operator"), text(row, "direction"), shape,
               number(row, "ms"));
        if (json_is_number(json_object_get(row, "gflops"))) {
            printf(" %8.1f %4.0f %%", number(row, "gflops"), number(row, "percent_of_peak"));
        }
        putchar('\n');
    }
}

static void print_layers(const json_t *rows)
{
    size_t i;
    json_t *row;
    printf("\nLayers inside the network, per slice\n%-11s %-14s %-17s %-16s %8s %8s %6s\n",
           "kernels", "node", "operator", "size, channels", "ms", "GFLOP/s", "peak");
    json_array_foreach(rows, i, row)
    {
        char shape[80];
        snprintf(shape, sizeof shape, "%g, %g -> %g", number(row, "size"),
                 number(row, "in_channels"), number(row, "out_channels"));
        printf("%-11s %-14s %-17s %-16s %8.3f", text(row, "kernels"), text(row, "node"),
               text(row, "operator"), shape, number(row, "ms_per_slice"));
        if (json_object_get(row, "gflops")) {
            printf(" %8.1f %4.0f %%\n", number(row, "gflops"), number(row, "percent_of_peak"));
        } else {
            printf(" %5.1f GB/s, %.0f %% of copy\n", number(row, "gb_s"),
                   number(row, "percent_of_copy"));
        }
    }
}

static void print_runs(const json_t *rows, const char *title)
{
    size_t i;
    json_t *row;
    printf("\n%s\n%-11s %6s %6s %10s %9s %6s %10s\n", title, "kernels", "size", "batch", "ms/slice",
           "GFLOP/s", "peak", "memory MB");
    json_array_foreach(rows, i, row)
    {
        printf("%-11s %6g %6g %10.2f %9.1f %4.0f %% %10.1f\n", text(row, "kernels"),
               number(row, "size"), number(row, "batch"), number(row, "ms_per_slice"),
               number(row, "gflops"), number(row, "percent_of_peak"),
               number(row, "memory_bytes") / 1e6);
    }
}

void bench_print(const json_t *result)
{
    print_machine(result);
    print_click(json_object_get(result, "click"));
    print_runs(json_object_get(result, "network"), "Forward pass");
    print_runs(json_object_get(result, "training"), "Training step");
    print_layers(json_object_get(result, "layers"));
    print_operators(json_object_get(result, "operators"));
}
