// server.c: the helper's side (see server.h). It decodes as any process does; that nothing of it
// reaches outside is the sandbox's and the asking end's business.
#include "image/isolate/server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/fail.h"
#include "image/codecs/codec.h"
#include "image/codecs/vips.h"
#include "image/isolate/protocol.h"
#include "image/isolate/sandbox.h"
#include "image/isolate/wire.h"

struct server {
    struct plo_image_scratch *scratch;
    uint8_t *region;
    size_t region_size;
};

// --- requests ------------------------------------------------------------------------------------

static void keep_bytes(void *cookie, uint8_t *data, size_t size)
{
    (void)cookie;
    (void)data;
    (void)size;
}

static void forget_region(struct server *server)
{
    if (server->region != NULL)
        munmap(server->region, server->region_size);
    server->region = NULL;
}

static int take_region(struct server *server, size_t size, int fd, struct pipilo_error *err)
{
    forget_region(server);
    void *region = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    server->region = region != MAP_FAILED ? region : NULL;
    server->region_size = size;
    return server->region != NULL ? 0 : plo_fail_nomem(err, size);
}

static int open_encoded(struct server *server, const struct plo_helper_request *request,
                        struct plo_image **out, struct pipilo_error *err)
{
    uint8_t *encoded = server->region + request->encoded_at;
    struct plo_buf *bytes = plo_buf_wrap(encoded, request->encoded_size, keep_bytes, NULL);
    if (bytes == NULL)
        return plo_fail_nomem(err, 0);
    return plo_image_open_bytes(out, bytes, err);
}

static int decode(struct server *server, const struct plo_helper_request *request,
                  struct plo_helper_answer *answer, struct pipilo_error *err)
{
    struct plo_image *image = NULL;
    struct plo_pixels pixels = { 0 };
    int result = open_encoded(server, request, &image, err);
    server->scratch->place = server->region;
    server->scratch->place_size = request->room;
    if (result == 0 && request->verb == PLO_HELPER_WINDOW)
        result = plo_image_window(image, &request->preprocess, &request->options, server->scratch,
                                  &pixels, err);
    else if (result == 0 && request->verb == PLO_HELPER_CROP)
        result = plo_image_crop(image, request->left, request->top, request->width, request->height,
                                request->color, &request->options, server->scratch, &pixels, err);
    else if (result == 0)
        result = plo_image_pixels(image, request->color, &request->options, server->scratch,
                                  &pixels, err);
    answer->width = pixels.width;
    answer->height = pixels.height;
    plo_buf_unref(&pixels.owner);
    plo_image_unref(&image);
    return result;
}

static int probe(struct server *server, const struct plo_helper_request *request, int fd,
                 struct plo_helper_answer *answer, struct pipilo_error *err)
{
    const struct plo_codec *codec = NULL;
    struct plo_input input;
    plo_input_init(&input, request->of_file ? NULL : server->region + request->encoded_at,
                   request->encoded_size);
    input.fd = request->of_file ? fd : -1;
    input.path = "";
    return plo_codec_probe(&codec, &input, &answer->info, err);
}

static void answer_request(struct server *server, const struct plo_helper_request *request, int fd,
                           struct plo_helper_answer *answer)
{
    struct pipilo_error *err = &answer->err;
    int result = 0;
    if (request->new_region)
        result = take_region(server, request->region_size, fd, err);
    plo_decoding_set_limit(request->limit);
    if (result == 0 && request->verb == PLO_HELPER_PROBE)
        probe(server, request, fd, answer, err);
    else if (result == 0)
        decode(server, request, answer, err);
}

static void serve(struct server *server)
{
    struct plo_helper_request request;
    int fd = -1, result = 0;
    while (result == 0 && plo_wire_recv(PLO_HELPER_SOCKET, &request, sizeof request, &fd) == 0) {
        struct plo_helper_answer answer;
        memset(&answer, 0, sizeof answer);
        if (request.verb == PLO_HELPER_FORGET)
            forget_region(server);
        else
            answer_request(server, &request, fd, &answer);
        if (fd >= 0)
            close(fd);
        result = plo_wire_send(PLO_HELPER_SOCKET, &answer, sizeof answer, -1);
    }
}

// --- the start -----------------------------------------------------------------------------------

// Bytes mapped, read before the filter is on.
static uint64_t address_space(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu", &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int prepare(struct server *server, bool vips, struct plo_helper_hello *hello)
{
    struct pipilo_error *err = &hello->err;
    server->scratch = plo_image_scratch_create();
    if (server->scratch == NULL)
        return plo_fail_nomem(err, sizeof *server->scratch);
    PLO_TRY(plo_sandbox_limit(err));
    // What is opened later cannot be opened any more.
    if (vips)
        PLO_TRY(plo_vips_prepare(err));
    hello->address_space = address_space();
    return plo_sandbox_enter(vips, err);
}

int plo_helper_serve(const char *kind)
{
    struct server server = { .scratch = NULL };
    struct plo_helper_hello hello = { .version = PLO_HELPER_VERSION,
                                      .request_size = sizeof(struct plo_helper_request),
                                      .answer_size = sizeof(struct plo_helper_answer) };
    plo_decoding_set_apart(false);
    int result = prepare(&server, strcmp(kind, PLO_HELPER_VIPS) == 0, &hello);
    if (plo_wire_send(PLO_HELPER_SOCKET, &hello, sizeof hello, -1) == 0 && result == 0)
        serve(&server);
    plo_image_scratch_destroy(server.scratch);
    return 0;
}
