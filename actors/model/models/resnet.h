/* resnet - residual networks for small pictures.
 *
 *   conv1 3x3 - blocks of two 3x3 convolutions and a shortcut, in stages - mean over pixels - fc
 *
 * How      every convolution is normalized. A stage after the first begins by halving height and width; there
 *          the shortcut is a 1x1 convolution with stride 2, normalized (option B of the paper, whose CIFAR
 *          networks use A, zeros for the new channels), else the block's input itself.
 * Models   resnet8 and resnet20: 16, 32, 64 channels, 1 and 3 blocks in a stage. resnet18: ImageNet's 64 to
 *          512 channels behind CIFAR's first layer, 3x3 with stride 1 and without a maximum, as its pictures
 *          are small.
 * Names    those of torchvision: conv1, bn1, layer1.0.conv1, layer1.0.bn1, layer2.0.downsample.0, fc.
 * Source   He et al., arXiv 1512.03385: section 4.2 for CIFAR, table 1 for ImageNet.
 */
#ifndef ACTORS_MODEL_MODELS_RESNET_H
#define ACTORS_MODEL_MODELS_RESNET_H

#include "actors/model/graph.h"

typedef struct {
    size_t width; /* channels of the first stage; each further one has twice as many */
    size_t stages;
    size_t blocks; /* of each stage */
} resnet_t;

/* Appends the whole network to a graph that has its samples and no layer. */
void resnet_describe(const resnet_t *self, size_t classes, graph_t *graph);

#endif
