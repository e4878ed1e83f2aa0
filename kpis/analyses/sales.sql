-- Sales of customers, each with the uses of integration data before it and what was refunded later.

-- name: sales
(
SELECT
    sale.user_id AS user_id,
    sale.entered_at AS entered_at,
    sale.conversation_id AS conversation_id,
    sale.customer AS customer,
    sale.channel AS channel,
    sale.country AS country,
    sale.customer_segment AS customer_segment,
    sale.sales AS sales,
    sale.refunds + arraySum(one -> one.3, arrayFilter(
        one -> one.1 = sale.conversation_id AND one.2 < sale.entered_at + INTERVAL $refund_days DAY, person.paid_back
    )) AS refunds,
    arrayConcat(
        arrayMap(one -> (one.1, one.4), arrayFilter(
            one -> one.3 AND one.2 != sale.conversation_id AND one.1 <= sale.entered_at
                AND one.1 >= sale.entered_at - INTERVAL $window_days DAY,
            person.known)),
        if(sale.data_used, [(sale.entered_at, sale.providers)], [])
    ) AS touches
FROM (SELECT * FROM $rows WHERE sales > 0) AS sale
LEFT JOIN
(
    SELECT
        user_id,
        customer,
        arraySort(groupArray((entered_at, conversation_id, data_used, providers, sales, refunds))) AS known,
        arrayMap(
            back -> (arrayLast(one -> one.5 > 0 AND one.1 <= back.1, known).2, back.1, back.6),
            arrayFilter(one -> one.5 = 0 AND one.6 > 0, known)
        ) AS paid_back
    FROM $rows
    GROUP BY user_id, customer
    HAVING count() <= $max_conversations
) AS person ON sale.user_id = person.user_id AND sale.customer = person.customer
)
