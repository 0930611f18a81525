// samples.c: see samples.h.
#include "samples.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jpeglib.h>

#include "probe.h"

void samples_path(char *path, size_t size, const char *folder, int number)
{
    if (snprintf(path, size, "%s/%02d.jpg", folder, number) >= (int)size)
        give_up(folder, NULL);
}

// Slopes and edges that no other number has.
static void fill_row(unsigned char *row, unsigned width, unsigned y, int channels, int number)
{
    for (unsigned x = 0; x < width; x++)
        for (int c = 0; c < channels; c++)
            *row++ =
                (unsigned char)(x * (unsigned)(number % 7 + 1) / 3 + y * (unsigned)(c + 1) / 2 +
                                (x / 16 + y / 16 + (unsigned)number) % 5 * 30);
}

static void write_sample(const char *path, int number, unsigned width, unsigned height)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    FILE *file = fopen(path, "wbe");
    int channels = number % 6 == 5 ? 1 : 3;
    unsigned char *row = malloc((size_t)width * 3);
    if (file == NULL || row == NULL)
        give_up(path, NULL);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file);
    jpeg.image_width = width;
    jpeg.image_height = height;
    jpeg.input_components = channels;
    jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 60 + number % 4 * 10, TRUE);
    if (number % 4 == 3)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < height) {
        fill_row(row, width, jpeg.next_scanline, channels, number);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(row);
    if (fclose(file) != 0)
        give_up(path, NULL);
}

void samples_create(char *folder, size_t size, int count, unsigned width, unsigned height)
{
    const char *where = getenv("PIPILO_BUILD_ROOT");
    if (snprintf(folder, size, "%s/soak-XXXXXX", where != NULL ? where : "/tmp") >= (int)size ||
        mkdtemp(folder) == NULL)
        give_up(folder, NULL);
    for (int i = 0; i < count; i++) {
        char path[4096];
        samples_path(path, sizeof path, folder, i);
        // From half to one and a half of the size.
        unsigned w = width / 2 + width * (unsigned)(i * 7 % count) / (unsigned)count;
        unsigned h = height / 2 + height * (unsigned)(i * 11 % count) / (unsigned)count;
        write_sample(path, i, w, h);
    }
}

void samples_remove(const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(folder);
}
