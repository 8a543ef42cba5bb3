#include "ggml-backend.h"

#include <spirv/unified1/spirv.hpp>
#include <vulkan/vulkan.hpp>

#include <cstdint>
#include <cstdio>
#include <vector>

static constexpr uint32_t mul_mat_spv[] = {
#include "mul_mat.spv.inc"
};
static_assert(mul_mat_spv[0] == spv::MagicNumber, "the embedded shader is no SPIR-V");

// Whether the driver takes the embedded shader.
static bool takes_shader(const vk::PhysicalDevice & phys) {
    const float priority = 1.0f;
    const vk::DeviceQueueCreateInfo queue({}, 0, 1, &priority);
    const vk::UniqueDevice device = phys.createDeviceUnique(vk::DeviceCreateInfo({}, queue));
    return bool(device->createShaderModuleUnique({ {}, sizeof mul_mat_spv, mul_mat_spv }));
}

static std::vector<vk::PhysicalDevice> find_devices() {
    static vk::UniqueInstance instance; // lives as long as the devices
    std::vector<vk::PhysicalDevice> list;
    try {
        const vk::ApplicationInfo app("llama.cpp", 1, nullptr, 0, VK_API_VERSION_1_2);
        instance = vk::createInstanceUnique(vk::InstanceCreateInfo({}, &app));
        for (const auto & phys : instance->enumeratePhysicalDevices()) {
            if (takes_shader(phys)) {
                list.push_back(phys);
            }
        }
    } catch (const vk::SystemError & err) {
        fprintf(stderr, "ggml_vulkan: no devices: %s\n", err.what());
    }
    return list;
}

static const std::vector<vk::PhysicalDevice> & devices() {
    static const auto list = find_devices();
    return list;
}

static int dev_count() {
    return int(devices().size());
}

static bool dev_get(int index, ggml_dev_info * info) {
    const auto & phys = devices().at(size_t(index));
    snprintf(info->name, sizeof info->name, "Vulkan%d", index);
    snprintf(info->description, sizeof info->description, "%s", phys.getProperties().deviceName.data());
    const auto memory = phys.getMemoryProperties();
    for (uint32_t i = 0; i < memory.memoryHeapCount; i++) {
        if (memory.memoryHeaps[i].flags & vk::MemoryHeapFlagBits::eDeviceLocal) {
            info->total += memory.memoryHeaps[i].size;
        }
    }
    info->free = info->total;
    info->gpu  = true;
    return true;
}

const ggml_reg * ggml_backend_vk_reg(void) {
    static const ggml_reg reg = { "Vulkan", dev_count, dev_get };
    return &reg;
}
