#!/usr/bin/env bash
# Counts the orders of each customer in orders.json.
set -eu

cd "$(dirname "$0")"
jq --raw-output '.[] | [.customer, .item] | @csv' orders.json |
	sqlite3 :memory: \
		'create table orders (customer, item)' \
		'.mode csv' \
		'.import /dev/stdin orders' \
		'select customer, count(*) from orders group by customer' |
	sort
