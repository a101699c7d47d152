/* Shortest paths with a heap, a search tree, and lists in shuffled memory: pointer chasing.
 * class: integer */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { NODES = 3000, EDGES = 5 };
struct node { uint32_t distance, at; struct edge { struct node *to; uint32_t cost; } edge[EDGES]; };
struct tree { struct tree *left, *right; uint32_t key; };
static struct node nodes[NODES];
static struct node *heap[NODES * EDGES + 1];
static struct tree pool[8000];
static uint32_t seed = 12345;

static uint32_t next(void)
{
    seed ^= seed << 13, seed ^= seed >> 17;
    return seed ^= seed << 5;
}

static uint64_t dijkstra(struct node *from)
{
    size_t n = 0;
    uint64_t sum = 0;
    for (int i = 0; i < NODES; i++) {
        nodes[i].distance = UINT32_MAX;
        nodes[i].at = 0;
    }
    from->distance = 0;
    heap[++n] = from;
    from->at = 1;
    while (n) {
        struct node *least = heap[1], *last = heap[n--];
        size_t at = 1;
        for (size_t child; (child = 2 * at) <= n; at = child) {
            child += child < n && heap[child + 1]->distance < heap[child]->distance;
            if (last->distance <= heap[child]->distance) {
                break;
            }
            heap[at] = heap[child];
            heap[at]->at = (uint32_t)at;
        }
        heap[at] = last;
        last->at = (uint32_t)at;
        sum += least->distance;
        for (int e = 0; e < EDGES; e++) {
            struct node *to = least->edge[e].to;
            uint32_t distance = least->distance + least->edge[e].cost;
            if (distance < to->distance) {
                if (to->distance == UINT32_MAX) {
                    to->at = (uint32_t)++n;
                }
                to->distance = distance;
                size_t up = to->at;
                for (; up > 1 && heap[up / 2]->distance > distance; up /= 2) {
                    heap[up] = heap[up / 2];
                    heap[up]->at = (uint32_t)up;
                }
                heap[up] = to;
                to->at = (uint32_t)up;
            }
        }
    }
    return sum;
}

static uint64_t search_tree(int count)
{
    struct tree *root = NULL;
    uint64_t sum = 0;
    int used = 0;
    for (int i = 0; i < count; i++) {
        uint32_t key = next() % 1000000;
        struct tree **at = &root;
        while (*at && (*at)->key != key) {
            at = key < (*at)->key ? &(*at)->left : &(*at)->right;
        }
        if (*at) {
            sum += key;
        } else {
            pool[used] = (struct tree){ NULL, NULL, key };
            *at = &pool[used++];
        }
    }
    return sum + (uint64_t)used;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 250;
    uint64_t sum = 0;
    for (int i = 0; i < NODES; i++) {
        for (int e = 0; e < EDGES; e++) {
            nodes[i].edge[e].to = e ? &nodes[next() % NODES] : &nodes[(i + 1) % NODES];
            nodes[i].edge[e].cost = next() % 1000 + 1;
        }
    }
    for (int r = 0; r < rounds; r++) {
        sum = sum * 7 + dijkstra(&nodes[next() % NODES]) + search_tree(8000);
    }
    printf("%llu\n", (unsigned long long)sum);
    return 0;
}
