/* Slabs of blocks of one size. The last block that was freed is the next one given away, while it
 * is still in the cache; a slab of which nothing is used is given back. */
#include "http_memory.h"

#include "mgw/base/alloc.h"
#include "mgw/base/list.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SLAB_BYTES ((size_t)128 * 1024)
/* With their heads; bigger ones are malloc()'s. */
#define BLOCK_MAX ((size_t)32 * 1024)
/* Multiples of 16 up to 128, then four steps to each doubling. */
#define N_SMALL 8
#define N_CLASSES (N_SMALL + 4 * 8)

struct block {
        struct slab *slab; /* NULL: malloc()'s */
        size_t n;          /* asked for */
};

struct slab {
        struct list node;   /* on its class's list while it has room */
        struct block *free; /* each has the next one behind its head */
        size_t size;
        size_t n_used, n_made, n_max;
        struct list *class;
};

/* curl resolves names in threads of its own. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list classes[N_CLASSES];
static size_t n_slabs;

#define SLAB_HEAD_BYTES ((sizeof(struct slab) + 15) / 16 * 16)

/* The class of blocks of at least so many bytes, and their size. */
static unsigned class_of(size_t n, size_t *sizep)
{
        size_t base = 128;
        unsigned i = N_SMALL;

        if (n <= base) {
                *sizep = (n + 15) / 16 * 16;
                return (unsigned)(*sizep / 16 - 1);
        }
        while (n > base * 2) {
                base *= 2;
                i += 4;
        }
        *sizep = base + (n - base + base / 4 - 1) / (base / 4) * (base / 4);
        return i + (unsigned)((*sizep - base) / (base / 4)) - 1;
}

static struct block **next_of(struct block *block)
{
        return (struct block **)(block + 1);
}

static struct slab *slab_create(struct list *class, size_t size)
{
        struct slab *slab =
                mmap(NULL, SLAB_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (slab == MAP_FAILED)
                return NULL;
        slab->class = class;
        slab->size = size;
        slab->n_max = (SLAB_BYTES - SLAB_HEAD_BYTES) / size;
        list_append(class, &slab->node);
        n_slabs++;
        return slab;
}

static struct block *slab_take(struct slab *slab)
{
        struct block *block = slab->free;

        if (block != NULL)
                slab->free = *next_of(block);
        else
                block = (struct block *)((char *)slab + SLAB_HEAD_BYTES +
                                         slab->size * slab->n_made++);
        if (++slab->n_used == slab->n_max)
                list_unlink(&slab->node);
        block->slab = slab;
        return block;
}

static struct block *block_take(size_t n)
{
        size_t size;
        struct list *class = &classes[class_of(n, &size)], *first;
        struct slab *slab;

        if (class->next == NULL)
                list_init(class);
        first = list_first(class);
        slab = first != NULL ? container_of(first, struct slab, node) : slab_create(class, size);
        return slab != NULL ? slab_take(slab) : NULL;
}

static void block_give_back(struct slab *slab, struct block *block)
{
        *next_of(block) = slab->free;
        slab->free = block;
        if (slab->n_used-- == slab->n_max)
                list_prepend(slab->class, &slab->node);
        /* One that is empty is kept: curl takes and frees one at a time. */
        if (slab->n_used > 0 || slab->class->next == slab->class->prev)
                return;
        list_unlink(&slab->node);
        munmap(slab, SLAB_BYTES);
        n_slabs--;
}

void *http_memory_get(size_t n)
{
        struct block *block;

        if (n > BLOCK_MAX - sizeof(*block)) {
                block = n < SIZE_MAX - sizeof(*block) ? malloc(sizeof(*block) + n) : NULL;
                if (block != NULL)
                        block->slab = NULL;
        } else {
                pthread_mutex_lock(&lock);
                /* Room for next_of(). */
                block = block_take(sizeof(*block) + (n > 0 ? n : 1));
                pthread_mutex_unlock(&lock);
        }
        if (block == NULL)
                return NULL;
        block->n = n;
        return block + 1;
}

void *http_memory_get_zeroed(size_t n, size_t size)
{
        void *p = size == 0 || n <= SIZE_MAX / size ? http_memory_get(n * size) : NULL;

        if (p != NULL)
                memset(p, 0, n * size);
        return p;
}

void http_memory_free(void *p)
{
        struct block *block;

        if (p == NULL)
                return;
        block = (struct block *)p - 1;
        if (block->slab == NULL) {
                free(block);
                return;
        }
        pthread_mutex_lock(&lock);
        block_give_back(block->slab, block);
        pthread_mutex_unlock(&lock);
}

void *http_memory_resize(void *p, size_t n)
{
        struct block *block = p != NULL ? (struct block *)p - 1 : NULL;
        void *to;

        if (block != NULL && block->slab != NULL && n <= block->slab->size - sizeof(*block)) {
                block->n = n;
                return p;
        }
        to = http_memory_get(n);
        if (block == NULL || to == NULL)
                return to;
        memcpy(to, p, n < block->n ? n : block->n);
        http_memory_free(p);
        return to;
}

size_t http_memory_mapped(void)
{
        size_t bytes;

        pthread_mutex_lock(&lock);
        bytes = n_slabs * SLAB_BYTES;
        pthread_mutex_unlock(&lock);
        return bytes;
}

static char *http_memory_copy(const char *text)
{
        size_t n = strlen(text) + 1;
        char *copy = http_memory_get(n);

        return copy != NULL ? memcpy(copy, text, n) : NULL;
}

/* A sanitizer sees more of malloc(). */
#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

bool http_memory_init(void)
{
        CURLcode r = IS_SANITIZED ? curl_global_init(CURL_GLOBAL_DEFAULT)
                                  : curl_global_init_mem(CURL_GLOBAL_DEFAULT, http_memory_get,
                                                         http_memory_free, http_memory_resize,
                                                         http_memory_copy, http_memory_get_zeroed);

        return r == CURLE_OK;
}

void *http_object_create(size_t n, size_t n_more)
{
        void *object = alloc_judge(IS_SANITIZED ? malloc(n + n_more) : http_memory_get(n + n_more),
                                   n + n_more);

        if (object != NULL)
                memset(object, 0, n);
        return object;
}

void http_object_free(void *object)
{
        if (IS_SANITIZED)
                free(object);
        else
                http_memory_free(object);
}
