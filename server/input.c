// input.c: the shapes in which clients send pictures in JSON (see pictures.h): those of OpenAI's,
// Jina's, Cohere's, infinity's and vLLM's.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base64.h"
#include "pictures.h"
#include "serve.h"

// Where in the request something stands.
struct place {
    struct pictures *pictures;
    char name[64]; // "input[3]"
};

static bool wrong(const struct place *place, const char *code, const char *what)
{
    answer_error(place->pictures->exchange, 400, code, place->name, "%s: %s", place->name, what);
    return false;
}

static bool add_base64(const struct place *place, const char *text)
{
    // Decoded where it lies: the text is the request's body.
    char *bytes = (char *)(uintptr_t)text;
    size_t size = base64_decode((uint8_t *)bytes, text, strlen(text));
    if (size == SIZE_MAX)
        return wrong(place, "invalid_argument", "it is no base64");
    return pictures_add(place->pictures, bytes, size, NULL);
}

static bool add_data_uri(const struct place *place, const char *uri)
{
    static const char marker[] = ";base64";
    const char *comma = strchr(uri, ',');
    size_t length = sizeof marker - 1;
    bool base64 = comma != NULL && (size_t)(comma - uri) > length &&
                  strncasecmp(comma - length, marker, length) == 0;
    if (!base64)
        return wrong(place, "invalid_argument",
                     "a data: URI holds base64: data:image/..;base64,..");
    return add_base64(place, comma + 1);
}

static bool add_url(const struct place *place, const char *url)
{
    if (strncasecmp(url, "data:", 5) == 0)
        return add_data_uri(place, url);
    if (fetch_allowed(place->pictures->exchange->server->fetcher, url))
        return pictures_add_url(place->pictures, url);
    return wrong(place, "url_not_allowed",
                 "this server does not fetch from there; send the picture itself, as "
                 "data:image/..;base64,..");
}

static bool is_url(const char *text)
{
    return strncasecmp(text, "data:", 5) == 0 || strncasecmp(text, "http://", 7) == 0 ||
           strncasecmp(text, "https://", 8) == 0;
}

static bool add_text(const struct place *place, const char *text, bool base64)
{
    if (is_url(text))
        return add_url(place, text);
    if (base64)
        return add_base64(place, text);
    return wrong(place, "invalid_argument",
                 "it is a text, and what is embedded here are pictures: a data: URI, or "
                 "{\"image\": base64}");
}

// {"type": "image_url", "image_url": {"url": ..}}, also with the URL itself.
static bool add_image_url(const struct place *place, const struct json *image)
{
    const char *url = json_text(image);
    if (url == NULL)
        url = json_text(json_get(image, "url"));
    return url != NULL ? add_text(place, url, false)
                       : wrong(place, "invalid_argument", "image_url has no url");
}

static bool add_one(const struct place *place, const struct json *node, bool images);

// {"content": [..]}: each of its pictures, Cohere's and the messages of chat clients.
static bool add_content(const struct place *place, const struct json *content)
{
    if (json_kind(content) != JSON_ARRAY || content->length != 1)
        return wrong(place, "invalid_argument", "content is an array with one picture");
    return add_one(place, content->first, true);
}

static bool add_object(const struct place *place, const struct json *node)
{
    const struct json *url = json_get(node, "url"), *image = json_get(node, "image"),
                      *bytes = json_get(node, "bytes"), *image_url = json_get(node, "image_url"),
                      *content = json_get(node, "content");
    if (image_url != NULL)
        return add_image_url(place, image_url);
    if (json_text(image) != NULL)
        return add_text(place, json_text(image), true);
    if (json_kind(image) == JSON_OBJECT)
        return add_object(place, image);
    if (json_text(url) != NULL)
        return add_text(place, json_text(url), false);
    if (json_text(bytes) != NULL)
        return add_base64(place, json_text(bytes));
    if (content != NULL)
        return add_content(place, content);
    return wrong(place, "invalid_argument",
                 "a picture is a data: URI or an object with image, url, bytes or image_url");
}

static bool add_one(const struct place *place, const struct json *node, bool images)
{
    char what[96];
    if (json_kind(node) == JSON_STRING)
        return add_text(place, node->string, images);
    if (json_kind(node) == JSON_OBJECT)
        return add_object(place, node);
    snprintf(what, sizeof what, "%s is no picture", json_kind_name(json_kind(node)));
    return wrong(place, "invalid_argument", what);
}

bool input_read(struct pictures *pictures, const struct json *input, bool images, const char *name)
{
    struct place place = { .pictures = pictures };
    snprintf(place.name, sizeof place.name, "%s", name);
    if (input == NULL)
        return wrong(&place, "invalid_argument", "it is missing");
    if (input->kind != JSON_ARRAY) {
        snprintf(place.name, sizeof place.name, "%s[0]", name);
        return add_one(&place, input, images);
    }
    if (input->length == 0)
        return wrong(&place, "invalid_argument", "it is empty");
    size_t index = 0;
    for (const struct json *child = input->first; child != NULL; child = child->next) {
        snprintf(place.name, sizeof place.name, "%s[%zu]", name, index++);
        if (!add_one(&place, child, images))
            return false;
    }
    return true;
}
