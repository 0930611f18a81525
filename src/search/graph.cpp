// graph.cpp: hnswlib behind the functions of graph.h. No exception leaves this file. The graph is
// written and read here and not by the library, whose reader believes what a file says.
#include "search/graph.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <queue>
#include <utility>
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

enum { LINKS = 16, BUILD_BREADTH = 200, LEVELS_MOST = 16, LEVELS_SPARE = 64, CACHE_LINE = 64 };

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
    float distance(const uint16_t *a, const uint16_t *b) const
    {
        float product = kernels->halves(a, b, width);
        // What is no number is far from everything.
        return product == product ? 1.0f - product : std::numeric_limits<float>::max();
    }

  private:
    static float measure(const void *a, const void *b, const void *self)
    {
        const Space *space = static_cast<const Space *>(self);
        return space->distance(space->at(a), space->at(b));
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

} // namespace

// The library draws levels from one source of chance, which several threads would change at once.
// Here they follow from the place (see level_of), and it is left with the one that it takes where
// none is asked for.
template <> int hnswlib::HierarchicalNSW<float>::getRandomLevel(double)
{
    return 0;
}

namespace
{

// How many layers a vector is in beyond the lowest: as rare as the library wants it, and the same
// whichever thread adds it, and when.
int level_of(size_t place, double rarity)
{
    // The finalizer of SplitMix64.
    uint64_t mix = (static_cast<uint64_t>(place) + 1) * 0x9e3779b97f4a7c15u;
    mix = (mix ^ mix >> 30) * 0xbf58476d1ce4e5b9u;
    mix = (mix ^ mix >> 27) * 0x94d049bb133111ebu;
    mix ^= mix >> 31;
    const double chance = (static_cast<double>(mix >> 11) + 1) / 9007199254740992.0; // 0 to 1
    return std::min(static_cast<int>(-std::log(chance) * rarity), static_cast<int>(LEVELS_MOST));
}

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
        graph->library.addPoint(&distance, place, level_of(place, graph->library.mult_));
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

// Places and levels of all nodes; false where one leads nowhere, two have the same place, or there
// are more levels than PLO_GRAPH_VECTOR_BYTES allows: each takes 17 times as much memory as a file
// needs to claim it. Those that are drawn come to one for 15 nodes.
static bool read_nodes(plo_graph *graph, Reader *reader, uint32_t count)
{
    Library &library = graph->library;
    std::vector<bool> taken(count);
    uint64_t levels = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t node[2];
        if (!reader->take(node, 2) || node[0] >= count || taken[node[0]] || node[1] > LEVELS_MOST)
            return false;
        levels += node[1];
        if (levels > static_cast<uint64_t>(count) + LEVELS_SPARE)
            return false;
        taken[node[0]] = true;
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
        return plo_fail(err, PIPILO_ECORRUPT, "the graph does not fit its vectors");
    try {
        std::unique_ptr<plo_graph> graph(new plo_graph(vectors, count, dim));
        Reader reader(bytes, size);
        if (!read_all(graph.get(), &reader, count))
            return plo_fail(err, PIPILO_ECORRUPT, "the graph is damaged");
        *out = graph.release();
        return 0;
    } catch (const std::exception &) {
        return plo_fail_nomem(err, count * PLO_GRAPH_VECTOR_BYTES);
    }
}

// --- searching -----------------------------------------------------------------------------------

namespace
{

typedef std::pair<float, hnswlib::tableint> Near; // how far, and the node

// One query's way through the graph. The library's own search waits for every vector it compares:
// they lie anywhere, and outside of its memory. This one knows the next ones and fetches them
// ahead.
class Walk
{
  public:
    Walk(const plo_graph &graph, const uint16_t *vector)
        : graph(graph), library(graph.library), query(vector),
          visited(library.visited_list_pool_->getFreeVisitedList())
    {
    }
    Walk(const Walk &) = delete;
    Walk &operator=(const Walk &) = delete;
    ~Walk()
    {
        // The pool's list of them may have to grow.
        try {
            library.visited_list_pool_->releaseVisitedList(visited);
        } catch (const std::exception &) {
            delete visited;
        }
    }

    // Down through the thinner layers, to a node of the lowest that is near.
    Near descend()
    {
        Near best(0, library.enterpoint_node_);
        measure(&best, 1);
        for (int level = library.maxlevel_; level > 0; level--) {
            hnswlib::tableint from;
            do {
                from = best.second;
                size_t count = look_around(from, level, false);
                for (size_t i = 0; i < count; i++)
                    if (around[i].first < best.first)
                        best = around[i];
            } while (best.second != from);
        }
        return best;
    }

    // The `breadth` nearest that the lowest layer leads to from there, the farthest on top.
    std::priority_queue<Near> spread(const Near &start, size_t breadth)
    {
        std::priority_queue<Near> nearest;
        std::priority_queue<Near, std::vector<Near>, std::greater<Near>> open;
        nearest.push(start);
        open.push(start);
        visited->mass[start.second] = visited->curV;
        while (!open.empty() &&
               (nearest.size() < breadth || open.top().first <= nearest.top().first)) {
            const hnswlib::tableint from = open.top().second;
            open.pop();
            size_t count = look_around(from, 0, true);
            for (size_t i = 0; i < count; i++) {
                if (nearest.size() == breadth && around[i].first >= nearest.top().first)
                    continue;
                open.push(around[i]);
                nearest.push(around[i]);
                if (nearest.size() > breadth)
                    nearest.pop();
            }
        }
        return nearest;
    }

  private:
    // Fills `around` with the nodes that one leads to, those not yet visited if so wanted.
    size_t look_around(hnswlib::tableint from, int level, bool new_ones)
    {
        hnswlib::linklistsizeint *list = library.get_linklist_at_level(from, level);
        size_t links = library.getListCount(list), count = 0;
        for (size_t i = 1; i <= links; i++) {
            const hnswlib::tableint node = list[i];
            if (new_ones && visited->mass[node] == visited->curV)
                continue;
            if (new_ones)
                visited->mass[node] = visited->curV;
            __builtin_prefetch(library.getExternalLabeLp(node));
            around[count++].second = node;
        }
        measure(around, count);
        return count;
    }

    const uint16_t *vector_of(hnswlib::tableint node) const
    {
        return graph.vectors + library.getExternalLabel(node) * graph.width;
    }

    void fetch(const uint16_t *vector) const
    {
        const char *bytes = reinterpret_cast<const char *>(vector);
        for (size_t i = 0; i < graph.width * sizeof *vector; i += CACHE_LINE)
            __builtin_prefetch(bytes + i);
    }

    void measure(Near *nodes, size_t count) const
    {
        if (count > 0)
            fetch(vector_of(nodes[0].second));
        for (size_t i = 0; i < count; i++) {
            if (i + 1 < count)
                fetch(vector_of(nodes[i + 1].second));
            nodes[i].first = graph.space.distance(query, vector_of(nodes[i].second));
        }
    }

    const plo_graph &graph;
    const Library &library;
    const uint16_t *query;
    hnswlib::VisitedList *visited;
    Near around[2 * LINKS];
};

// Marks what the lowest layer leads to from a node.
void mark_reached(const Library &library, hnswlib::tableint from, std::vector<bool> *reached)
{
    std::vector<hnswlib::tableint> open(1, from);
    (*reached)[from] = true;
    while (!open.empty()) {
        hnswlib::linklistsizeint *list = library.get_linklist0(open.back());
        const size_t links = library.getListCount(list);
        open.pop_back();
        for (size_t i = 1; i <= links; i++)
            if (!(*reached)[list[i]]) {
                (*reached)[list[i]] = true;
                open.push_back(list[i]);
            }
    }
}

// Adds a link, or where there is no room lets it take the last one's place, which is given.
hnswlib::tableint put_link(Library &library, hnswlib::tableint from, hnswlib::tableint to)
{
    hnswlib::linklistsizeint *list = library.get_linklist0(from);
    const unsigned short links = library.getListCount(list);
    if (links < library.maxM0_) {
        library.setListCount(list, links + 1);
        list[links + 1] = to;
        return to;
    }
    std::swap(list[links], to);
    return to;
}

} // namespace

extern "C" int plo_graph_connect(struct plo_graph *graph, struct pipilo_error *err)
{
    Library &library = graph->library;
    const hnswlib::tableint entry = library.enterpoint_node_;
    try {
        std::vector<bool> reached(library.cur_element_count);
        mark_reached(library, entry, &reached);
        for (hnswlib::tableint node = 0; node < reached.size(); node++) {
            if (reached[node])
                continue;
            // From the nearest that is reached. What that led to until now is led to by the node:
            // nothing is lost.
            Walk walk(*graph, graph->vectors + library.getExternalLabel(node) * graph->width);
            auto nearest =
                walk.spread(Near(std::numeric_limits<float>::max(), entry), BUILD_BREADTH);
            while (nearest.size() > 1)
                nearest.pop();
            const hnswlib::tableint lost = put_link(library, nearest.top().second, node);
            if (lost != node)
                put_link(library, node, lost);
            mark_reached(library, node, &reached);
        }
        return 0;
    } catch (const std::exception &) {
        return plo_fail_nomem(err, 0);
    }
}

extern "C" int plo_graph_search(const struct plo_graph *graph, const uint16_t *query, size_t wanted,
                                size_t breadth, size_t *places, size_t *found,
                                struct pipilo_error *err)
{
    try {
        Walk walk(*graph, query);
        auto nearest = walk.spread(walk.descend(), std::max(wanted, breadth));
        while (nearest.size() > wanted)
            nearest.pop();
        *found = nearest.size();
        for (size_t i = *found; i > 0; nearest.pop())
            places[--i] = graph->library.getExternalLabel(nearest.top().second);
        return 0;
    } catch (const std::exception &) {
        return plo_fail_nomem(err, 0);
    }
}

extern "C" void plo_graph_destroy(struct plo_graph *graph)
{
    delete graph;
}
