// The contents of a scene as hashes, and the parameters of the long tests.
#ifndef SceneState_h
#define SceneState_h

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

class vtkMRMLScene;

/// "segmentation/segment" -> hash of the places of its voxels in space; also maps of uncertainty.
using State = std::map<std::string, uint64_t>;
State StateOf(vtkMRMLScene* scene);
std::string Describe(const State& state);

int NumberFromEnvironment(const char* name, int otherwise);
double SecondsSince(std::chrono::steady_clock::time_point begin);

#endif
