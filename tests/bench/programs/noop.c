/* Does nothing: what it costs is starting.
 * class: start */
int main(void)
{
    return 0;
}
