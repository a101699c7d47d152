/* A JSON document written, parsed into a tree, walked and freed: bytes, branches, allocation, recursion.
 * class: integer */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { NIL, BOOL, NUMBER, TEXT, LIST, OBJECT };
struct value { enum kind kind; struct value *next, *first; char *name; long number; char *text; };
static const char *at;

static void space(void)
{
    while (*at == ' ' || *at == '\n' || *at == '\t') {
        at++;
    }
}

static char *string(void)
{
    const char *from = ++at;
    size_t length = 0;
    for (; *at != '"'; at++, length++) {
        at += *at == '\\';
    }
    char *to = malloc(length + 1), *end = to;
    for (const char *p = from; p < at; p++) {
        if (*p == '\\') {
            p++;
            *end++ = *p == 'n' ? '\n' : *p == 't' ? '\t' : *p;
        } else {
            *end++ = *p;
        }
    }
    *end = 0;
    at++;
    return to;
}

static struct value *parse(void)
{
    struct value *v = calloc(1, sizeof *v);
    space();
    switch (*at) {
    case '{':
    case '[': {
        char close = *at == '{' ? '}' : ']';
        struct value **tail = &v->first;
        v->kind = *at == '{' ? OBJECT : LIST;
        for (at++, space(); *at != close;) {
            char *name = NULL;
            if (close == '}') {
                name = string();
                space();
                at++;
            }
            *tail = parse();
            (*tail)->name = name;
            tail = &(*tail)->next;
            space();
            at += *at == ',';
            space();
        }
        at++;
        break;
    }
    case '"': v->kind = TEXT; v->text = string(); break;
    case 't': v->kind = BOOL; v->number = 1; at += 4; break;
    case 'f': v->kind = BOOL; at += 5; break;
    case 'n': at += 4; break;
    default: {
        int negative = *at == '-';
        v->kind = NUMBER;
        for (at += negative; *at >= '0' && *at <= '9'; at++) {
            v->number = v->number * 10 + (*at - '0');
        }
        v->number = negative ? -v->number : v->number;
    }
    }
    return v;
}

static unsigned long walk(struct value *v)
{
    unsigned long h = v->kind * 7ul + (unsigned long)v->number;
    for (const char *p = v->text ? v->text : ""; *p; p++) {
        h = h * 31 + (unsigned char)*p;
    }
    for (struct value *c = v->first, *next; c; c = next) {
        next = c->next;
        h = h * 33 + (c->name ? strlen(c->name) : 0);
        h += walk(c);
    }
    free(v->name);
    free(v->text);
    free(v);
    return h;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 30;
    size_t room = 4000000, used = 1;
    char *text = malloc(room);
    text[0] = '[';
    for (int i = 0; i < 6000; i++) {
        used += (size_t)snprintf(text + used, room - used,
                                 "%s{\"id\": %d, \"name\": \"item \\\"%d\\\"\\n\", \"tags\": [\"a%d\", \"bb\", null, true],\n"
                                 "  \"nested\": {\"price\": %d, \"stock\": false, \"parts\": [[%d], [], {}]}}",
                                 i ? ", " : "", i, i * 7919, i % 13, -i * 3, i * i);
    }
    strcpy(text + used, "]");
    unsigned long h = 0;
    for (int r = 0; r < rounds; r++) {
        at = text;
        h = h * 3 + walk(parse());
    }
    printf("%zu %lx\n", used, h);
    return 0;
}
