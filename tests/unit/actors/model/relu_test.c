#include "actors/model/relu.h"
#include "tests/unit/actors/model/reference.h"

Test(relu, forward_adds_the_bias_first)
{
    float y[] = {-3, 1, 0.5f, -1, 2, -0.5f}, bias[] = {1, -2, 0.25f};
    const float expected[] = {0, 0, 0.75f, 0, 0, 0};
    relu_forward_bias(2, 3, bias, y);
    for (size_t i = 0; i < 6; i++)
        cr_assert_eq(y[i], expected[i], "%zu: %g", i, y[i]);
}

Test(relu, backward_stops_where_the_output_is_zero)
{
    float y[] = {0, 2, 0, 1e-30f}, dy[] = {5, 6, -7, -8};
    const float expected[] = {0, 6, 0, -8};
    relu_backward(4, y, dy);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(dy[i], expected[i], "%zu: %g", i, dy[i]);
}

Test(relu, nan_is_not_hidden)
{
    float y[] = {NAN}, bias[] = {0};
    relu_forward_bias(1, 1, bias, y);
    cr_assert(isnan(y[0]));
}
