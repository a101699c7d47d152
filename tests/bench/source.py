"""Writes the C file that the compiler benchmark compiles: some 2,000 lines without any #include.

Each of its modules has a list, a hash table, a tokenizer, a state machine, a matrix and a sort, with names,
constants and shapes that differ, so that a compiler does ordinary work on it.
"""

MODULE = """\
struct node_{n} {{
    struct node_{n} *next, *other;
    {type} key;
    unsigned count;
    char name[{size}];
}};

static struct node_{n} *table_{n}[{buckets}];

static unsigned hash_{n}(const char *text)
{{
    unsigned h = {seed}u;
    while (*text)
        h = (h << {shift}) ^ (h >> 3) ^ (unsigned char)*text++;
    return h % {buckets};
}}

struct node_{n} *find_{n}(const char *name, {type} key)
{{
    struct node_{n} *node = table_{n}[hash_{n}(name)];
    for (; node; node = node->next) {{
        const char *a = node->name, *b = name;
        while (*a && *a == *b)
            a++, b++;
        if (*a == *b && node->key {compare} key)
            return node;
    }}
    return 0;
}}

int insert_{n}(struct node_{n} *node)
{{
    unsigned at = hash_{n}(node->name);
    struct node_{n} **link = &table_{n}[at];
    if (find_{n}(node->name, node->key))
        return -1;
    while (*link && (*link)->count > node->count)
        link = &(*link)->next;
    node->next = *link;
    *link = node;
    return (int)at;
}}

int tokens_{n}(const char *p, int *kinds, int room)
{{
    int n = 0, state = 0;
    for (; n < room; p++) {{
        switch (state) {{
        case 0:
            if (*p == 0)
                return n;
            if (*p >= '0' && *p <= '9')
                state = 1, kinds[n] = *p - '0';
            else if ((*p >= 'a' && *p <= 'z') || *p == '_')
                state = 2, kinds[n] = {seed};
            else if (*p == '"')
                state = 3;
            else if (*p != ' ')
                kinds[n++] = -*p;
            break;
        case 1:
            if (*p >= '0' && *p <= '9')
                kinds[n] = kinds[n] * 10 + *p - '0';
            else
                n++, state = 0, p--;
            break;
        case 2:
            if ((*p >= 'a' && *p <= 'z') || *p == '_')
                kinds[n] = kinds[n] * {odd} + *p;
            else
                n++, state = 0, p--;
            break;
        default:
            if (*p == 0)
                return -1;
            if (*p == '"')
                kinds[n++] = {buckets}, state = 0;
        }}
    }}
    return n;
}}

double multiply_{n}(double (*a)[{dim}], double (*b)[{dim}], double (*c)[{dim}])
{{
    double trace = 0;
    for (int i = 0; i < {dim}; i++) {{
        for (int j = 0; j < {dim}; j++) {{
            double sum = {shift};
            for (int k = 0; k < {dim}; k++)
                sum += a[i][k] * b[k][j];
            c[i][j] = sum > 1e{shift} ? sum / {odd} : sum;
        }}
        trace += c[i][i];
    }}
    return trace;
}}

void sort_{n}({type} *v, long n)
{{
    for (long gap = n / 2; gap > 0; gap /= 2) {{
        for (long i = gap; i < n; i++) {{
            {type} t = v[i];
            long j = i;
            for (; j >= gap && v[j - gap] > t; j -= gap)
                v[j] = v[j - gap];
            v[j] = t;
        }}
    }}
}}

long run_{n}(long seed, int (*call)(long, const char *))
{{
    int kinds[64];
    {type} v[100];
    long sum = 0;
    for (int i = 0; i < 100; i++) {{
        seed = seed * 6364136223846793005l + {odd};
        v[i] = ({type})(seed >> 33);
    }}
    sort_{n}(v, 100);
    for (int i = 0; i < 100; i += {shift})
        sum += (long)v[i] ^ call(sum, "module {n}");
    int n = tokens_{n}("alpha 12 + \\"text\\" * beta_gamma - 7{n}", kinds, 64);
    while (n-- > 0)
        sum = sum * 31 + kinds[n];
    return sum;
}}

"""
TYPES = ["int", "long", "unsigned", "short", "unsigned long", "double"]


def text(modules=17):
    parts = [MODULE.format(n=n, type=TYPES[n % 6], size=16 + 8 * (n % 5), buckets=[64, 101, 256, 509][n % 4],
                           seed=5381 + 97 * n, shift=3 + n % 5, compare=["==", ">=", "<="][n % 3],
                           odd=2 * n + 33, dim=4 + n % 7) for n in range(modules)]
    calls = "".join(f"    sum += run_{n}(sum, call);\n" for n in range(modules))
    return "".join(parts) + f"long run_all(int (*call)(long, const char *))\n{{\n    long sum = 1;\n{calls}    return sum;\n}}\n"
