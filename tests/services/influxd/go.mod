module influxd-for-tests

go 1.26
