// test_graph.c: a graph finds what is near, comes back from its bytes as it was, and believes no
// byte: whatever is changed in them, it is refused or can be searched.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "search/graph.h"
#include "search/index.h"

enum { COUNT = 400, DIM = 21, K = 10, ROOM = 1 << 20 };

static uint16_t vectors[COUNT * DIM];
static uint8_t bytes[ROOM];
static size_t filled;
static uint32_t seed = 7;

static uint32_t random_bits(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static int keep(void *cookie, const void *data, size_t size, struct pipilo_error *err)
{
    (void)cookie;
    (void)err;
    assert_true(filled + size <= ROOM);
    memcpy(bytes + filled, data, size);
    filled += size;
    return 0;
}

static struct plo_graph *make(void)
{
    struct plo_graph *graph = NULL;
    for (size_t i = 0; i < COUNT; i++) {
        float vector[DIM];
        for (size_t k = 0; k < DIM; k++)
            vector[k] = (float)random_bits() / 8388608.0f - 1.0f;
        assert_true(plo_index_unit(vectors + i * DIM, vector, DIM));
    }
    assert_int_equal(plo_graph_create(&graph, vectors, COUNT, DIM, NULL), 0);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(plo_graph_add(graph, i, NULL), 0);
    filled = 0;
    assert_int_equal(plo_graph_write(graph, keep, NULL, NULL), 0);
    return graph;
}

static void test_there_and_back(void **state)
{
    (void)state;
    struct plo_graph *graph = make(), *again = NULL;
    assert_int_equal(plo_graph_read(&again, bytes, filled, vectors, COUNT, DIM, NULL), 0);
    for (size_t i = 0; i < COUNT; i++) {
        size_t one[K], other[K], found = 0, found_again = 0, self = 0;
        assert_int_equal(plo_graph_search(graph, vectors + i * DIM, K, 50, one, &found, NULL), 0);
        assert_int_equal(
            plo_graph_search(again, vectors + i * DIM, K, 50, other, &found_again, NULL), 0);
        assert_int_equal(found, K);
        assert_int_equal(found_again, K);
        assert_memory_equal(one, other, sizeof one);
        for (size_t k = 0; k < K; k++)
            self += one[k] == i;
        assert_int_equal(self, 1);
    }
    plo_graph_destroy(graph);
    plo_graph_destroy(again);
}

// Reads what was changed, and searches where it is taken.
static int try_bytes(const uint8_t *data, size_t size)
{
    struct plo_graph *graph = NULL;
    struct pipilo_error err = { 0 };
    // Its own block, so that a sanitizer sees what is read beyond.
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    int result = plo_graph_read(&graph, copy, size, vectors, COUNT, DIM, &err);
    free(copy);
    assert_true(result == 0 || result == PIPILO_ECORRUPT);
    size_t places[K], found = 0;
    for (size_t i = 0; graph != NULL && i < 5; i++) {
        assert_int_equal(
            plo_graph_search(graph, vectors + i * 71 * DIM, K, 50, places, &found, NULL), 0);
        for (size_t k = 0; k < found; k++)
            assert_true(places[k] < COUNT);
    }
    plo_graph_destroy(graph);
    return result;
}

static void test_changed_bytes(void **state)
{
    (void)state;
    static uint8_t changed[ROOM];
    plo_graph_destroy(make());
    size_t refused = 0, taken = 0;
    for (int round = 0; round < 1500; round++) {
        memcpy(changed, bytes, filled);
        for (uint32_t i = 0; i <= random_bits() % 3; i++) {
            // The head and the levels half of the time: there a byte decides most.
            size_t range = round % 2 == 0 ? 16 + COUNT * 8 : filled;
            size_t at = random_bits() % range;
            changed[at] = (uint8_t)random_bits();
        }
        if (try_bytes(changed, filled) == 0)
            taken++;
        else
            refused++;
    }
    assert_true(refused > 200 && taken > 40);
}

static void test_cut_bytes(void **state)
{
    (void)state;
    plo_graph_destroy(make());
    for (size_t size = 0; size < filled; size += 1 + size / 40)
        assert_int_equal(try_bytes(bytes, size), PIPILO_ECORRUPT);
    memset(bytes + filled, 0, 4);
    assert_int_equal(try_bytes(bytes, filled + 4), PIPILO_ECORRUPT);
    struct plo_graph *graph = NULL;
    assert_int_equal(plo_graph_read(&graph, bytes, filled, vectors, COUNT - 1, DIM, NULL),
                     PIPILO_ECORRUPT);
    assert_int_equal(plo_graph_read(&graph, bytes, filled, vectors, (size_t)1 << 60, DIM, NULL),
                     PIPILO_ECORRUPT);
}

static void put(uint32_t number)
{
    assert_int_equal(keep(NULL, &number, sizeof number, NULL), 0);
}

enum { LINKS = 16, CLIQUE = 2 * LINKS + 1 };

// A graph whose first nodes lead to each other, as far as there is room, and nothing to the rest.
static void put_torn(void)
{
    const uint32_t head[] = { LINKS, COUNT, 0, 0 };
    filled = 0;
    assert_int_equal(keep(NULL, head, sizeof head, NULL), 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        put(i);
        put(0);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        put(i < CLIQUE ? CLIQUE - 1 : 0);
        for (uint32_t k = 0; i < CLIQUE && k < CLIQUE; k++)
            if (k != i)
                put(k);
    }
}

static void test_all_are_found_in_what_was_torn(void **state)
{
    (void)state;
    struct plo_graph *graph = NULL;
    static size_t places[COUNT];
    size_t found = 0;
    plo_graph_destroy(make());
    put_torn();
    assert_int_equal(plo_graph_read(&graph, bytes, filled, vectors, COUNT, DIM, NULL), 0);
    assert_int_equal(plo_graph_search(graph, vectors, COUNT, COUNT, places, &found, NULL), 0);
    assert_int_equal(found, CLIQUE);
    assert_int_equal(plo_graph_connect(graph, NULL), 0);
    assert_int_equal(plo_graph_search(graph, vectors, COUNT, COUNT, places, &found, NULL), 0);
    assert_int_equal(found, COUNT);
    plo_graph_destroy(graph);
}

// A graph in which every node has `levels` beyond the lowest, with nothing in them.
static int read_with_levels(uint32_t levels, uint32_t second_place)
{
    const uint32_t head[] = { LINKS, COUNT, levels, 0 };
    struct plo_graph *graph = NULL;
    filled = 0;
    assert_int_equal(keep(NULL, head, sizeof head, NULL), 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        put(i == 1 ? second_place : i);
        put(levels);
    }
    for (uint32_t i = 0; i < COUNT * (levels + 1); i++)
        put(0);
    int result = plo_graph_read(&graph, bytes, filled, vectors, COUNT, DIM, NULL);
    plo_graph_destroy(graph);
    return result;
}

static void test_more_than_a_graph_may_hold(void **state)
{
    (void)state;
    plo_graph_destroy(make());
    assert_int_equal(read_with_levels(0, 1), 0);
    assert_int_equal(read_with_levels(1, 1), 0);
    // Levels take more memory than they take bytes.
    assert_int_equal(read_with_levels(2, 1), PIPILO_ECORRUPT);
    assert_int_equal(read_with_levels(16, 1), PIPILO_ECORRUPT);
    // Two nodes of one vector.
    assert_int_equal(read_with_levels(0, 0), PIPILO_ECORRUPT);
}

// Each node's level, by its place, of what was written.
static void levels_of(uint32_t *levels)
{
    for (size_t i = 0; i < COUNT; i++) {
        uint32_t node[2];
        memcpy(node, bytes + 16 + i * sizeof node, sizeof node);
        levels[node[0]] = node[1];
    }
}

static void test_levels_follow_from_the_place(void **state)
{
    (void)state;
    uint32_t forwards[COUNT], backwards[COUNT], above = 0;
    struct plo_graph *graph = NULL;
    plo_graph_destroy(make());
    levels_of(forwards);
    assert_int_equal(plo_graph_create(&graph, vectors, COUNT, DIM, NULL), 0);
    for (size_t i = COUNT; i > 0; i--)
        assert_int_equal(plo_graph_add(graph, i - 1, NULL), 0);
    filled = 0;
    assert_int_equal(plo_graph_write(graph, keep, NULL, NULL), 0);
    levels_of(backwards);
    assert_memory_equal(forwards, backwards, sizeof forwards);
    // One in 16, about.
    for (size_t i = 0; i < COUNT; i++)
        above += forwards[i] > 0;
    assert_true(above > COUNT / 40 && above < COUNT / 8);
    plo_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_cut_bytes),
        cmocka_unit_test(test_all_are_found_in_what_was_torn),
        cmocka_unit_test(test_more_than_a_graph_may_hold),
        cmocka_unit_test(test_levels_follow_from_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
