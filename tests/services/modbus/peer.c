/* A Modbus server on libmodbus: a peer that shares no line with us.
 *
 *   huitian-modbus-peer tcp PORT            on 127.0.0.1
 *   huitian-modbus-peer rtu DEVICE BAUD     8N1
 *
 * Unit 1, addresses 0 to 9999: holding register i is i*3+1, input register i is i*5+2, coil i is
 * set where i is a multiple of 3, discrete input i where i is a multiple of 7. Anything beyond is
 * answered with exception 2. Prints "ready" when it listens. A write function prints "WRITE" to
 * stderr and ends the program with code 3: we promise never to send one. Ends on SIGTERM and when
 * its standard input ends, so that it cannot outlive the test that started it.
 */
#include <errno.h>
#include <modbus/modbus.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ADDRESSES = 10000, UNIT = 1, EXIT_USAGE = 2, EXIT_WRITE = 3 };

/* The greatest number of a function that only reads the tables above. */
enum { LAST_READ_FUNCTION = 4, REPORT_SERVER_ID = 17 };

static void *end_with_stdin(void *unused)
{
    char byte;
    (void)unused;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    _exit(0);
}

static modbus_mapping_t *contents(void)
{
    modbus_mapping_t *map = modbus_mapping_new(ADDRESSES, ADDRESSES, ADDRESSES, ADDRESSES);
    if (map == NULL) {
        return NULL;
    }
    for (int i = 0; i < ADDRESSES; i++) {
        map->tab_registers[i] = (uint16_t)(i * 3 + 1);
        map->tab_input_registers[i] = (uint16_t)(i * 5 + 2);
        map->tab_bits[i] = i % 3 == 0;
        map->tab_input_bits[i] = i % 7 == 0;
    }
    return map;
}

/* Answers requests until the connection ends. */
static void serve(modbus_t *context, modbus_mapping_t *map, int is_serial)
{
    uint8_t request[MODBUS_MAX_ADU_LENGTH];
    for (;;) {
        int length = modbus_receive(context, request);
        if (length == 0) {
            continue; /* for another unit */
        }
        if (length < 0) {
            if (is_serial && errno != EIO && errno != ECONNRESET) {
                continue; /* noise on the line */
            }
            return;
        }
        int function = request[modbus_get_header_length(context)];
        if (function > LAST_READ_FUNCTION && function != REPORT_SERVER_ID) {
            fprintf(stderr, "WRITE\n");
            _exit(EXIT_WRITE);
        }
        if (modbus_reply(context, request, length, map) < 0 && !is_serial) {
            return;
        }
    }
}

static int fail(const char *what)
{
    fprintf(stderr, "huitian-modbus-peer: %s: %s\n", what, modbus_strerror(errno));
    return EXIT_FAILURE;
}

static int serve_tcp(int port, modbus_mapping_t *map)
{
    modbus_t *context = modbus_new_tcp("127.0.0.1", port);
    int listener = context == NULL ? -1 : modbus_tcp_listen(context, 4);
    if (listener < 0) {
        return fail("cannot listen");
    }
    modbus_set_slave(context, UNIT);
    printf("ready\n");
    fflush(stdout);
    while (modbus_tcp_accept(context, &listener) >= 0) {
        serve(context, map, 0);
        modbus_close(context);
    }
    return fail("cannot accept");
}

static int serve_rtu(const char *device, int baud, modbus_mapping_t *map)
{
    modbus_t *context = modbus_new_rtu(device, baud, 'N', 8, 1);
    if (context == NULL || modbus_set_slave(context, UNIT) < 0 || modbus_connect(context) < 0) {
        return fail("cannot open the line");
    }
    printf("ready\n");
    fflush(stdout);
    serve(context, map, 1);
    return fail("the line ended");
}

int main(int count, char **words)
{
    int is_tcp = count == 3 && strcmp(words[1], "tcp") == 0;
    int is_rtu = count == 4 && strcmp(words[1], "rtu") == 0;
    if (!is_tcp && !is_rtu) {
        fprintf(stderr, "usage: huitian-modbus-peer tcp PORT | rtu DEVICE BAUD\n");
        return EXIT_USAGE;
    }
    modbus_mapping_t *map = contents();
    pthread_t watcher;
    if (map == NULL || pthread_create(&watcher, NULL, end_with_stdin, NULL) != 0) {
        return fail("cannot start");
    }
    return is_tcp ? serve_tcp(atoi(words[2]), map) : serve_rtu(words[2], atoi(words[3]), map);
}
