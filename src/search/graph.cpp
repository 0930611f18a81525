// graph.cpp: hnswlib behind the functions of graph.h. No exception leaves this file. The graph is
// written and read here and not by the library, whose reader believes what a file says.
#include "search/graph.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <vector>

// Without this it reads one link past the end of a list, to fetch ahead; distances are ours anyway.
#define NO_MANUAL_VECTORIZATION
#include <hnswlib/hnswlib.h>

extern "C" {
#include "core/fail.h"
#include "search/dot.h"
}

namespace
{

enum { LINKS = 16, BUILD_BREADTH = 200, LEVELS_MOST = 64 };

// What stands for a vector inside the library: how far from the first one its bytes begin. A query
// lies elsewhere; its distance, modulo 2^64, leads there all the same.
typedef uint64_t distance_t;

class Space : public hnswlib::SpaceInterface<float>
{
  public:
    Space(const uint16_t *vectors, size_t dim)
        : base(reinterpret_cast<uintptr_t>(vectors)), width(dim), kernels(plo_dot_kernels())
    {
    }
    size_t get_data_size() override
    {
        return sizeof(distance_t);
    }
    hnswlib::DISTFUNC<float> get_dist_func() override
    {
        return measure;
    }
    void *get_dist_func_param() override
    {
        return this;
    }
    distance_t place_of(const uint16_t *vector) const
    {
        return reinterpret_cast<uintptr_t>(vector) - base;
    }

  private:
    static float measure(const void *a, const void *b, const void *self)
    {
        const Space *space = static_cast<const Space *>(self);
        float product = space->kernels->halves(space->at(a), space->at(b), space->width);
        // What is no number is far from everything.
        return product == product ? 1.0f - product : std::numeric_limits<float>::max();
    }
    const uint16_t *at(const void *place) const
    {
        distance_t distance;
        std::memcpy(&distance, place, sizeof distance);
        return reinterpret_cast<const uint16_t *>(base + static_cast<uintptr_t>(distance));
    }

    uintptr_t base;
    size_t width;
    const struct plo_dot_kernels *kernels;
};

typedef hnswlib::HierarchicalNSW<float> Library;

// Bytes that are read from the front, and never beyond their end.
class Reader
{
  public:
    Reader(const void *bytes, size_t size) : at(static_cast<const uint8_t *>(bytes)), left(size)
    {
    }
    bool take(uint32_t *out, size_t count)
    {
        if (count > left / sizeof *out)
            return false;
        std::memcpy(out, at, count * sizeof *out);
        at += count * sizeof *out;
        left -= count * sizeof *out;
        return true;
    }
    bool ended() const
    {
        return left == 0;
    }

  private:
    const uint8_t *at;
    size_t left;
};

} // namespace

struct plo_graph {
    plo_graph(const uint16_t *rows, size_t count, size_t dim)
        : vectors(rows), width(dim), space(rows, dim), library(&space, count, LINKS, BUILD_BREADTH)
    {
    }
    const uint16_t *vectors;
    size_t width;
    Space space;
    Library library;
};

extern "C" int plo_graph_create(struct plo_graph **out, const uint16_t *vectors, size_t count,
                                size_t dim, struct pipilo_error *err)
{
    try {
        *out = new plo_graph(vectors, count, dim);
        return 0;
    } catch (const std::exception &) {
        return plo_fail_nomem(err, count * PLO_GRAPH_VECTOR_BYTES);
    }
}

extern "C" int plo_graph_add(struct plo_graph *graph, size_t place, struct pipilo_error *err)
{
    try {
        distance_t distance = graph->space.place_of(graph->vectors + place * graph->width);
        graph->library.addPoint(&distance, place);
        return 0;
    } catch (const std::exception &) {
        return plo_fail_nomem(err, 0);
    }
}

extern "C" int plo_graph_write(const struct plo_graph *graph,
                               int (*write)(void *cookie, const void *bytes, size_t size,
                                            struct pipilo_error *err),
                               void *cookie, struct pipilo_error *err)
{
    const Library &library = graph->library;
    const uint32_t count = static_cast<uint32_t>(library.cur_element_count);
    const uint32_t head[] = { LINKS, count, static_cast<uint32_t>(library.maxlevel_),
                              library.enterpoint_node_ };
    PLO_TRY(write(cookie, head, sizeof head, err));
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t node[] = { static_cast<uint32_t>(library.getExternalLabel(i)),
                                  static_cast<uint32_t>(library.element_levels_[i]) };
        PLO_TRY(write(cookie, node, sizeof node, err));
    }
    for (uint32_t i = 0; i < count; i++) {
        for (int level = 0; level <= library.element_levels_[i]; level++) {
            hnswlib::linklistsizeint *list = library.get_linklist_at_level(i, level);
            const uint32_t links = library.getListCount(list);
            PLO_TRY(write(cookie, &links, sizeof links, err));
            PLO_TRY(write(cookie, list + 1, links * sizeof *list, err));
        }
    }
    return 0;
}

// Places and levels of all nodes; false where one leads nowhere.
static bool read_nodes(plo_graph *graph, Reader *reader, uint32_t count)
{
    Library &library = graph->library;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t node[2];
        if (!reader->take(node, 2) || node[0] >= count || node[1] > LEVELS_MOST)
            return false;
        char *element = library.data_level0_memory_ + i * library.size_data_per_element_;
        distance_t distance = graph->space.place_of(graph->vectors + node[0] * graph->width);
        std::memset(element, 0, library.size_data_per_element_);
        library.setExternalLabel(i, node[0]);
        std::memcpy(library.getDataByInternalId(i), &distance, sizeof distance);
        if (node[1] > 0) {
            // The library frees it, with free().
            void *lists = std::calloc(node[1], library.size_links_per_element_);
            if (lists == nullptr)
                throw std::bad_alloc();
            library.linkLists_[i] = static_cast<char *>(lists);
        }
        library.element_levels_[i] = static_cast<int>(node[1]);
        library.cur_element_count = i + 1;
    }
    return true;
}

static bool read_links(plo_graph *graph, Reader *reader, uint32_t count)
{
    Library &library = graph->library;
    for (uint32_t i = 0; i < count; i++) {
        for (int level = 0; level <= library.element_levels_[i]; level++) {
            hnswlib::linklistsizeint *list = library.get_linklist_at_level(i, level);
            uint32_t links = 0;
            if (!reader->take(&links, 1) || links > (level == 0 ? 2u * LINKS : 1u * LINKS) ||
                !reader->take(list + 1, links))
                return false;
            for (uint32_t k = 1; k <= links; k++)
                if (list[k] >= count || library.element_levels_[list[k]] < level)
                    return false;
            library.setListCount(list, static_cast<unsigned short>(links));
        }
    }
    return true;
}

static bool read_all(plo_graph *graph, Reader *reader, size_t count)
{
    uint32_t head[4];
    Library &library = graph->library;
    if (!reader->take(head, 4) || head[0] != LINKS || head[1] != count || head[3] >= count ||
        !read_nodes(graph, reader, head[1]) ||
        library.element_levels_[head[3]] != static_cast<int>(head[2]) ||
        !read_links(graph, reader, head[1]) || !reader->ended())
        return false;
    library.maxlevel_ = static_cast<int>(head[2]);
    library.enterpoint_node_ = head[3];
    return true;
}

extern "C" int plo_graph_read(struct plo_graph **out, const void *bytes, size_t size,
                              const uint16_t *vectors, size_t count, size_t dim,
                              struct pipilo_error *err)
{
    // Each node takes 12 bytes at least: no memory is asked for that the file does not warrant.
    if (count == 0 || count > size / 12)
        return plo_fail(err, PIPILO_ECORRUPT, "the index's graph does not fit its vectors");
    try {
        std::unique_ptr<plo_graph> graph(new plo_graph(vectors, count, dim));
        Reader reader(bytes, size);
        if (!read_all(graph.get(), &reader, count))
            return plo_fail(err, PIPILO_ECORRUPT, "the index's graph is damaged");
        *out = graph.release();
        return 0;
    } catch (const std::exception &) {
        return plo_fail_nomem(err, count * PLO_GRAPH_VECTOR_BYTES);
    }
}

extern "C" int plo_graph_search(const struct plo_graph *graph, const uint16_t *query, size_t wanted,
                                size_t breadth, size_t *places, size_t *found,
                                struct pipilo_error *err)
{
    try {
        distance_t distance = graph->space.place_of(query);
        // The library looks as broad as what is asked for.
        auto nearest = graph->library.searchKnn(&distance, std::max(wanted, breadth));
        while (nearest.size() > wanted)
            nearest.pop();
        for (*found = 0; !nearest.empty(); nearest.pop())
            places[(*found)++] = nearest.top().second;
        return 0;
    } catch (const std::exception &) {
        return plo_fail_nomem(err, 0);
    }
}

extern "C" void plo_graph_destroy(struct plo_graph *graph)
{
    delete graph;
}
