/* Quadruple precision: the guests' long double has 113 bits, done in software with the guest's rounding.
 * expect: below
 * build: -O2 dynamic; -O0 static
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    volatile long double one = 1, three = 3;
    printf("%d %d\n", LDBL_MANT_DIG, LDBL_MAX_EXP);
    printf("%.34Lg\n", one / three);
    printf("%.34Lg\n", sqrtl(2));
    printf("%.33Lg\n", strtold("3.14159265358979323846264338327950288", NULL));
    printf("%.30Lg\n", expl(one));
    printf("%La\n", LDBL_EPSILON);
    printf("%.17g %lld\n", (double)(one / three), (long long)(three * 1e15L));
    printf("%.0Lf\n", powl(2, 112) + 1);
    return 0;
}
/* output:
113 16384
0.3333333333333333333333333333333333
1.414213562373095048801688724209698
3.1415926535897932384626433832795
2.71828182845904523536028747135
0x1p-112
0.33333333333333331 3000000000000000
5192296858534827628530496329220097
*/
