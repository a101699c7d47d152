// What the virtual machine does with signals and memory: null checks, stack overflow, safepoints of threads that never call,
// garbage collection beside them, compiled code that is thrown away; and its locks and atomics.
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.stream.*;

public class Threads {
    static class Node {
        Node left, right;
        Node(int depth) {
            if (depth > 0) {
                left = new Node(depth - 1);
                right = new Node(depth - 1);
            }
        }
        int count() { return left == null ? 1 : 1 + left.count() + right.count(); }
    }

    static int nullChecks(String[] words) {
        int count = 0;
        for (int round = 0; round < 20; round++)
            for (String word : words) {
                try {
                    count += word.length();
                } catch (NullPointerException e) {
                    count++;
                }
            }
        return count;
    }

    static int endless(int n) { return n + endless(n + 1); }

    static int overflows() {
        int caught = 0;
        for (int i = 0; i < 5; i++) {
            try {
                endless(0);
            } catch (StackOverflowError e) {
                caught++;
            }
        }
        return caught;
    }

    interface Shape { double area(int x); }

    static double shapes(Shape[] shapes) {           // devirtualised for one class, then thrown away for more
        double sum = 0;
        for (int i = 0; i < 300000; i++)
            sum += shapes[i < 200000 ? 0 : i % shapes.length].area(i);
        return sum;
    }

    static volatile boolean stop;
    static long spin() {
        long x = 1;
        while (!stop)
            x = x * 6364136223846793005L + 1;
        return x;
    }

    public static void main(String[] args) throws Exception {
        System.out.println(Runtime.version().feature() >= 17);
        Thread[] spinners = { new Thread(Threads::spin), new Thread(Threads::spin) };
        for (Thread thread : spinners)
            thread.start();
        ExecutorService pool = Executors.newFixedThreadPool(4);
        List<Future<Long>> futures = new ArrayList<>();
        for (int t = 1; t <= 8; t++) {
            final int weight = t;
            futures.add(pool.submit(() -> {
                long sum = 0;
                for (int i = 0; i < 20; i++)
                    sum += new Node(12).count() * weight;
                return sum;
            }));
        }
        long total = 0;
        for (Future<Long> future : futures)
            total += future.get();
        System.out.println("trees " + total);
        System.gc();
        stop = true;
        for (Thread thread : spinners)
            thread.join();
        pool.shutdown();

        String[] words = new String[10000];
        for (int i = 0; i < words.length; i++)
            words[i] = i % 1000 == 7 ? null : "s" + i;
        System.out.println("nulls " + nullChecks(words));
        System.out.println("overflows " + overflows());
        System.out.printf("shapes %.3f%n", shapes(new Shape[] { x -> x * 0.5, x -> Math.sqrt(x), x -> x & 7 }));

        ConcurrentHashMap<Integer, LongAdder> map = new ConcurrentHashMap<>();
        IntStream.range(0, 200000).parallel().forEach(i -> map.computeIfAbsent(i % 97, k -> new LongAdder()).add(i));
        System.out.println("map " + map.values().stream().mapToLong(LongAdder::sum).sum());

        AtomicInteger atomic = new AtomicInteger();
        int[] locked = { 0 };
        Thread[] threads = new Thread[6];
        for (int i = 0; i < threads.length; i++) {
            threads[i] = new Thread(() -> {
                for (int k = 0; k < 20000; k++) {
                    atomic.incrementAndGet();
                    synchronized (locked) {
                        locked[0]++;
                    }
                }
            });
            threads[i].start();
        }
        for (Thread thread : threads)
            thread.join();
        System.out.println("counts " + atomic + " " + locked[0]);

        double sum = 0;
        for (int i = 1; i < 1000000; i++)
            sum += Math.sqrt(i) / (i + Math.sin(i));
        System.out.printf("sum %.9f%n", sum);
        try {
            System.out.println(1 / (locked[0] - atomic.get()));
        } catch (ArithmeticException e) {
            System.out.println(e.getMessage());
        }
        byte[][] blocks = new byte[64][];
        for (int i = 0; i < 3000; i++)
            blocks[i % 64] = new byte[100000];
        System.out.println("blocks " + blocks[13].length);
        Process child = new ProcessBuilder("/usr/bin/uname", "-m").start();
        System.out.println(new String(child.getInputStream().readAllBytes()).trim() + " " + child.waitFor());
    }
}
